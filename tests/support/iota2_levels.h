#pragma once
// A small nomenclature.cfg of iota2: two levels, names and codes quoted and not.

namespace millesime::testing {

inline constexpr const char* kIota2Levels = R"(# classes of a test
Classes:
{
  Level1:
  {
    "Bâti" : { code:100, alias:'Bati'
      color:"#aa00bb" }
    'Eau et nature': { code:200, alias:"EauNat", color:"#0000ff" }
  }
  Level2:
  {
    "Zones denses":
    {
      code:1
      alias:"Dense"
      color:"#ff00ff"   # violet
      parent:100
    }
    Lacs:
    {
      code:1000
      alias:Lacs
      color:#0000f0
      parent:200
    }
  }
}
)";

}  // namespace millesime::testing
