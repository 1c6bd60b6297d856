#include "pipeline/core/iota2_file.h"

#include <cctype>

#include "pipeline/core/atomic_file.h"
#include "pipeline/core/error.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

constexpr int kDeepest = 16;
constexpr std::string_view kBetween = " \t\r\n,;", kBlank = " \t\r\n";

class Iota2Parser {
 public:
  explicit Iota2Parser(const std::string& file) : file_(file), text_(read_text(file)) {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
  }

  Iota2Entry parse() {
    Iota2Entry root = entry_here();
    root.kind = Iota2Entry::Kind::mapping;
    read_entries(root, 0);
    if (!ended()) throw UserError(where() + ": a } without its {");
    return root;
  }

 private:
  std::string where() const { return join_text(file_, ":", line_); }
  bool ended() const { return at_ >= text_.size(); }
  bool here(std::string_view one_of) const { return !ended() && one_of.find(text_[at_]) != std::string_view::npos; }
  bool comment_begins() const { return (here("#") && !color_begins()) || std::string_view(text_).substr(at_).starts_with("//"); }

  Iota2Entry entry_here() const {
    Iota2Entry entry;
    entry.line = line_;
    entry.where = where();
    return entry;
  }

  // Blanks, comments and what separates entries.
  void skip(std::string_view blanks) {
    while (!ended()) {
      if (comment_begins()) {
        while (!ended() && text_[at_] != '\n') ++at_;
      } else if (!here(blanks)) {
        return;
      } else {
        line_ += text_[at_++] == '\n';
      }
    }
  }

  // "#ff00ff" without quotes, where a comment could begin.
  bool color_begins() const {
    const std::string_view digits = std::string_view(text_).substr(at_ + 1, 7);
    return digits.size() >= 6 && digits.find_first_not_of("0123456789abcdefABCDEF") >= 6 &&
           (digits.size() < 7 || std::isalnum(static_cast<unsigned char>(digits[6])) == 0);
  }

  // A text in quotes, or a word up to one of `end` or a comment.
  std::string word(std::string_view end) {
    if (here("\"'")) {
      const char quote = text_[at_];
      const std::size_t first = ++at_, last = text_.find_first_of(std::string{quote, '\n'}, first);
      if (last == std::string::npos || text_[last] == '\n') throw UserError(where() + ": a text without its closing quote");
      at_ = last + 1;
      return text_.substr(first, last - first);
    }
    const std::size_t first = at_;
    for (; !ended() && !here(end); ++at_)
      if (at_ > first && (text_[at_ - 1] == ' ' || text_[at_ - 1] == '\t') && comment_begins()) break;
    return std::string(trim(std::string_view(text_).substr(first, at_ - first)));
  }

  void read_value(Iota2Entry& entry, std::string_view end_of_word, int depth) {
    if (depth > kDeepest) throw UserError(where() + ": mappings too deep in each other");
    const std::string opened = where();
    if (here("{")) {
      entry.kind = Iota2Entry::Kind::mapping;
      ++at_;
      read_entries(entry, depth + 1);
      close("}", opened);
    } else if (here("[(")) {
      entry.kind = Iota2Entry::Kind::list;
      const std::string end = text_[at_++] == '[' ? "]" : ")";
      for (skip(kBetween); !ended() && !here("])}"); skip(kBetween)) {
        Iota2Entry element = entry_here();
        read_value(element, ",;])}\n", depth + 1);
        entry.entries.push_back(std::move(element));
      }
      close(end, opened);
    } else {
      if (here("$@")) throw UserError(join_text(opened, ": a value that refers to another one; expected the value itself"));
      const bool quoted = here("\"'");
      entry.text = word(end_of_word);
      std::size_t next = text_.find_first_not_of(" \t", at_);
      if (quoted && next != std::string::npos && (text_[next] == '+' || text_[next] == '%'))
        throw UserError(join_text(opened, ": an expression of several texts; expected one text"));
    }
  }

  void close(const std::string& end, const std::string& opened) {
    if (!here(end)) throw UserError(join_text(opened, ": a ", end == "}" ? "{" : end == "]" ? "[" : "(", " without its ", end));
    ++at_;
  }

  void read_entries(Iota2Entry& parent, int depth) {
    if (depth > kDeepest) throw UserError(where() + ": mappings too deep in each other");
    for (skip(kBetween); !ended() && !here("}"); skip(kBetween)) {
      Iota2Entry entry = entry_here();
      entry.key = word(":={},\n#");
      skip(kBlank);
      if (here(":="))
        ++at_;
      else if (!here("{"))
        throw UserError(join_text(entry.where, ": expected \"key : value\", got \"", shown_text(entry.key), "\""));
      skip(kBlank);
      read_value(entry, ",;}\n", depth);
      for (const Iota2Entry& other : parent.entries)
        if (other.key == entry.key)
          throw UserError(join_text(entry.where, ": \"", shown_text(entry.key), "\" occurs twice, first in ", other.where));
      parent.entries.push_back(std::move(entry));
    }
  }

  std::string file_, text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

const Iota2Entry* Iota2Entry::find(std::string_view lower_key) const {
  for (const Iota2Entry& entry : entries)
    if (lower(entry.key) == lower_key) return &entry;
  return nullptr;
}

Iota2Entry read_iota2_file(const std::string& file) { return Iota2Parser(file).parse(); }

std::string shown_text(std::string_view text) { return is_utf8(text) ? std::string(text.substr(0, 60)) : "text that is not UTF-8"; }

}  // namespace millesime
