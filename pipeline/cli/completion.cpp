// What shells need to complete a command line, as scripts that hold everything: a word is offered without starting the program.

#include <algorithm>
#include <iostream>
#include <set>

#include "pipeline/cli/command.h"
#include "pipeline/cli/usage.h"
#include "pipeline/core/text.h"

namespace millesime {
namespace {

bool is_positional(const DeclaredCommand& command, const Option& option) {
  return std::ranges::find(command.card.positional, option.key()) != command.card.positional.end();
}

bool is_setting(const Option& option) { return option.kind() == "setting" || option.kind() == "training setting"; }

// What may stand for the option's value; {} where there is no list.
std::vector<std::string> values_of(const Option& option) {
  std::vector<std::string> values = option.allowed().empty() ? names_of_kind(option.kind()) : option.allowed();
  if (is_setting(option))
    for (std::string& value : values) value += "=";
  return values;
}

// Names of nomenclatures and sites stand beside files.
bool takes_files(const Option& option) {
  return option.is_path() || option.kind() == "nomenclature" || option.kind() == "sensor" || option.kind() == "site";
}

std::vector<std::string> flags_of(const Option& option) {
  return short_flag(option).empty() ? std::vector{option.flag()} : std::vector{short_flag(option), option.flag()};
}

// The words that may follow the program's name, or a group's, with what they do.
struct Word {
  std::string word, summary;
};
std::vector<Word> first_words(const Program& program) {
  std::vector<Word> words;
  std::set<std::string> seen;
  for (const DeclaredCommand& command : program.commands) {
    const std::string& first = command.words.front();
    if (!seen.insert(first).second) continue;
    const auto group = std::ranges::find(program.groups, first, &CommandGroup::name);
    words.push_back({first, group == program.groups.end() ? command.card.summary : group->summary});
  }
  return words;
}
std::vector<Word> second_words(const Program& program, const CommandGroup& group) {
  std::vector<Word> words;
  for (const DeclaredCommand& command : program.commands)
    if (command.words.size() == 2 && command.words.front() == group.name) words.push_back({command.words.back(), command.card.summary});
  return words;
}

std::string names(const std::vector<Word>& words) {
  std::vector<std::string> list;
  for (const Word& word : words) list.push_back(word.word);
  return join_list(list, " ");
}

std::string in_single_quotes(const std::string& text, const std::string& quote) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? quote : std::string(1, c);
  return result + "'";
}

std::string bash_value(const Option& option) {
  std::string text = (option.is_list() && !option.is_repeated() ? "takes=several" : "takes=one");
  if (takes_files(option)) text += " files=yes";
  if (is_setting(option)) text += " space=no";
  return text + " values='" + join_list(values_of(option), " ") + "'";
}

std::string bash_case(const DeclaredCommand& command) {
  std::vector<std::string> flags = {"--help"};
  std::string options, positional = "      takes=none\n";
  for (const Option& option : command.options) {
    if (is_positional(command, option)) {
      positional = "      " + bash_value(option) + "\n";
      continue;
    }
    for (const std::string& flag : flags_of(option)) flags.push_back(flag);
    if (!option.is_bool()) options += "        " + join_list(flags_of(option), " | ") + ") " + bash_value(option) + " ;;\n";
  }
  return "    '" + join_list(command.words, " ") + "')\n      flags='" + join_list(flags, " ") + "'\n" +
         (options.empty() ? "" : "      case $option in\n" + options + "      esac\n") +
         "      [[ $takes == several || ($takes == one && $distance == 1) ]] && return\n      files= space= values=\n" + positional +
         "      ;;\n";
}

std::string bash_script(const Program& program) {
  std::string text = R"(# Completion of millesime for bash, made from the declarations by `millesime completion bash`.

# Sets what may stand at a place: flags; values and files of an option, or of what stands without one.
_millesime_place() {
  local command=$1 option=$2 distance=$3
  flags= takes= files= space= values=
  case $command in
)";
  for (const DeclaredCommand& command : program.commands) text += bash_case(command);
  text += R"(  esac
}

_millesime() {
  local current=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} option= first=2 i
  local flags takes files space values
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W ')" +
          names(first_words(program)) + R"( --help --version --json-usage' -- "$current")
    return
  fi
  case $command in
)";
  for (const CommandGroup& group : program.groups)
    text += "    " + group.name + ") values='" + names(second_words(program, group)) + "' ;;\n";
  text += R"(  esac
  if [[ -n $values ]]; then
    if ((COMP_CWORD == 2)); then
      mapfile -t COMPREPLY < <(compgen -W "$values --help" -- "$current")
      return
    fi
    command+=" ${COMP_WORDS[2]}" first=3
  fi
  # The value of --set key=value: bash takes it apart at the sign.
  [[ $current == = || ${COMP_WORDS[COMP_CWORD - 1]} == = ]] && return
  for ((i = COMP_CWORD - 1; i >= first; --i)); do
    [[ ${COMP_WORDS[i]} == -* ]] && option=${COMP_WORDS[i]} && break
  done
  _millesime_place "$command" "$option" $((COMP_CWORD - i))
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$current")
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
  [[ -z $space ]] || compopt -o nospace 2>/dev/null
  if [[ -n $files ]]; then
    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$current")
    compopt -o filenames 2>/dev/null
  fi
}
complete -F _millesime millesime
)";
  return text;
}

// A text inside [...] or :...: of a specification of _arguments.
std::string zsh_text(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string zsh_value(const Option& option) {
  const std::vector<std::string> values = values_of(option);
  const std::string list = "(" + join_list(values, " ") + ")";
  const std::string action = values.empty()        ? (takes_files(option) ? "_files" : " ")
                             : takes_files(option) ? "_alternative \"names:name:" + list + "\" \"files:file:_files\""
                             : is_setting(option)  ? "compadd -S \"\" -- " + join_list(values, " ")
                                                   : list;
  return zsh_text(option.key()) + ":" + action;
}

std::string zsh_case(const DeclaredCommand& command) {
  std::string text = "    ('" + join_list(command.words, " ") + "')\n      _arguments";
  const auto add = [&](const std::string& specification) { text += " \\\n        " + in_single_quotes(specification, "'\\''"); };
  add("--help[what the command takes]");
  int place = 0;
  for (const Option& option : command.options) {
    if (is_positional(command, option)) {
      add(option.is_list() ? "*:" + zsh_value(option) : std::to_string(++place) + ":" + zsh_value(option));
      continue;
    }
    for (const std::string& flag : flags_of(option)) {
      const std::string described = (option.is_repeated() ? "*" : "") + flag + "[" + zsh_text(option.help()) + "]";
      if (option.is_bool())
        add(described);
      else
        add(described + (option.is_list() && !option.is_repeated() ? ":*-*:" : ":") + zsh_value(option));
    }
  }
  return text + "\n      ;;\n";
}

std::string zsh_words(const std::vector<Word>& words) {
  std::string text;
  for (const Word& word : words) text += " " + in_single_quotes(zsh_text(word.word) + ":" + word.summary, "'\\''");
  return text;
}

std::string zsh_script(const Program& program) {
  std::string text =
      "#compdef millesime\n# Completion of millesime for zsh, made from the declarations by `millesime completion zsh`.\n\n"
      "_millesime() {\n  local command=$words[2]\n  local -a known\n  if ((CURRENT == 2)); then\n    known=(" +
      zsh_words(first_words(program)) + ")\n    _describe command known\n    return\n  fi\n  case $command in\n";
  for (const CommandGroup& group : program.groups)
    text += "    (" + group.name + ") known=(" + zsh_words(second_words(program, group)) + ") ;;\n";
  text += R"(  esac
  if (($#known)); then
    if ((CURRENT == 3)); then
      _describe command known
      return
    fi
    command+=" $words[3]"
    shift words
    ((CURRENT--))
  fi
  shift words
  ((CURRENT--))
  case $command in
)";
  for (const DeclaredCommand& command : program.commands) text += zsh_case(command);
  return text +
         "  esac\n}\n\n# Read by compinit, or by `source`.\n[[ $funcstack[1] == _millesime ]] && _millesime \"$@\" || compdef _millesime "
         "millesime\n";
}

std::string fish_line(const std::string& condition, const std::string& rest) {
  return "complete -c millesime -n '" + condition + "' " + rest + "\n";
}

std::string fish_option(const std::string& condition, const Option& option, bool positional) {
  std::string text;
  if (!positional)
    for (const std::string& flag : flags_of(option))
      text += flag.starts_with("--") ? "-l " + flag.substr(2) + " " : "-s " + flag.substr(1) + " ";
  if (!option.is_bool() && !positional) text += takes_files(option) ? "-r -F " : "-x ";
  const std::vector<std::string> values = values_of(option);
  if (!values.empty()) text += "-a '" + join_list(values, " ") + "' ";
  if (positional) return (takes_files(option) ? fish_line(condition, "-F") : "") + (values.empty() ? "" : fish_line(condition, text));
  return fish_line(condition, text + "-d " + in_single_quotes(option.help(), "\\'"));
}

std::string fish_script(const Program& program) {
  std::string text = R"(# Completion of millesime for fish, made from the declarations by `millesime completion fish`.

# Whether the words before the cursor are the program and exactly these.
function __millesime_after
    set -l words (commandline -opc)
    test "$words[2..]" = "$argv"
end
# Whether they begin with these.
function __millesime_in
    set -l words (commandline -opc)
    test (count $words) -gt (count $argv); and test "$words[2..$(math (count $argv) + 1)]" = "$argv"
end

complete -c millesime -f
)";
  for (const Word& word : first_words(program))
    text += fish_line("__millesime_after", "-a " + word.word + " -d " + in_single_quotes(word.summary, "\\'"));
  for (const std::string flag : {"version", "json-usage"}) text += fish_line("__millesime_after", "-l " + flag);
  for (const CommandGroup& group : program.groups)
    for (const Word& word : second_words(program, group))
      text += fish_line("__millesime_after " + group.name, "-a " + word.word + " -d " + in_single_quotes(word.summary, "\\'"));
  for (const DeclaredCommand& command : program.commands)
    for (const Option& option : command.options)
      text += fish_option("__millesime_in " + join_list(command.words, " "), option, is_positional(command, option));
  return text + "complete -c millesime -l help -d 'what there is'\n";
}

struct CompletionCommand {
  std::string shell;
  Options declare() {
    Options o;
    o.add("shell", &shell, "shell that reads the script").choices({"bash", "zsh", "fish"}).required();
    return o;
  }
};

}  // namespace

void add_completion(CLI::App& app, Program& program) {
  add_command<CompletionCommand>(
      app, program,
      {.name = "completion",
       .summary = "A script that completes command lines in bash, zsh or fish",
       .positional = {"shell"},
       .examples = {"millesime completion bash > millesime.bash"},
       .needs = Needs::nothing},
      [&program](CompletionCommand& command, const Context&) {
        std::cout << (command.shell == "bash" ? bash_script(program) : command.shell == "zsh" ? zsh_script(program) : fish_script(program));
        return 0;
      });
}

}  // namespace millesime
