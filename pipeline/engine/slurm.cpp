#include "pipeline/engine/slurm.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/engine/machine.h"

namespace millesime {
namespace {

struct CommandResult {
  int code = 0;
  std::string text;  // both of its streams
};

// Runs a program of the PATH without a shell. Code 127: there is none.
CommandResult run_command(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));  // execvp's old signature; it does not write
  argv.push_back(nullptr);
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) throw UserError(join_text(words.front(), ": cannot be started: ", std::strerror(errno)));
  const pid_t child = ::fork();
  if (child < 0) throw UserError(join_text(words.front(), ": cannot be started: ", std::strerror(errno)));
  if (child == 0) {
    ::dup2(pipe_ends[1], STDOUT_FILENO);
    ::dup2(pipe_ends[1], STDERR_FILENO);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  CommandResult result;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(pipe_ends[0], buffer, sizeof buffer)) != 0;) {
    if (n > 0) result.text.append(buffer, static_cast<std::size_t>(n));
    if (n < 0 && errno != EINTR) break;
  }
  ::close(pipe_ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace

std::string shell_quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

namespace {

// The folder of a log may have a %, which is a % only when it is written twice. As a full path: Slurm would put the working folder before
// it and read that as a pattern, too.
std::string log_pattern(const ClusterJob& job) {
  const std::string log = std::filesystem::path(job.folder) / job.log;
  for (const std::string& path : {job.folder, log})  // Slurm drops it, and leaves %A and %a of such a log as they are
    if (path.find('\\') != std::string::npos)
      throw UserError(
          join_text("job ", job.name, ": ", path, ": Slurm does not take names with a \\; rename the folder or submit from another"));
  std::string pattern;
  const std::size_t name = log.rfind('/') + 1;
  for (std::size_t i = 0; i < log.size(); ++i) pattern += i < name && log[i] == '%' ? "%%" : std::string(1, log[i]);
  return pattern;
}

}  // namespace

std::string job_script(const ClusterJob& job) {
  const TaskResources& wanted = job.resources;
  std::string text = "#!/bin/bash\n";
  const auto option = [&](const std::string& line) {
    if (line.find('\n') != std::string::npos)  // what follows it would be a command
      throw UserError(join_text("job ", job.name, ": ", line, ": a job script cannot name what has a line break in it; rename the folder"));
    text += "#SBATCH " + line + "\n";
  };
  const auto given = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) option("--" + name + "=" + value);
  };
  given("job-name", job.name);
  option(join_text("--array=0-", job.tasks.size() - 1, wanted.at_once > 0 ? join_text("%", wanted.at_once) : ""));
  given("chdir", shell_quoted(job.folder));
  given("output", shell_quoted(log_pattern(job)));
  option("--open-mode=append");
  option("--requeue");
  option("--signal=B:TERM@60");  // the time that a task has to end with its work saved
  option("--ntasks=1");
  option(join_text("--cpus-per-task=", wanted.cpus));
  given("partition", wanted.partition);
  given("account", wanted.account);
  given("qos", wanted.qos);
  given("time", wanted.time);
  if (!wanted.memory.empty()) option(join_text("--mem=", parse_memory(wanted.memory, "memory of " + job.name) >> 20, "M"));
  if (wanted.gpus > 0) option(join_text("--gres=gpu:", wanted.gpus));
  for (const auto& line : wanted.options) option(line);
  text += "set -euo pipefail\n";
  for (const auto& line : wanted.prologue) text += line + "\n";
  text += "case $SLURM_ARRAY_TASK_ID in\n";
  for (std::size_t i = 0; i < job.tasks.size(); ++i) text += join_text("  ", i, ") exec ", job.tasks[i], " ;;\n");
  return text + "esac\n";
}

std::string send_job(const std::string& script_file, const std::vector<std::string>& after) {
  std::vector<std::string> words = {"sbatch", "--parsable"};
  if (!after.empty()) words.push_back("--dependency=afterany:" + join_list(after, ":"));
  words.push_back(script_file);
  const CommandResult result = run_command(words);
  if (result.code == 127) throw UserError("sbatch is not in the PATH; submit from a machine of the cluster, or use `millesime run`");
  if (result.code != 0) throw UserError(join_text("sbatch failed for ", script_file, ": ", trim(result.text)));
  // "12" or "12;cluster", after warnings if there are any
  const std::string last = split_text(trim(result.text), '\n').back();
  const std::string job = split_text(last, ';').front();
  if (job.empty() || job.find_first_not_of("0123456789") != std::string::npos)
    throw UserError(join_text("sbatch: expected the number of a job, got: ", trim(result.text)));
  return job;
}

ClusterQueue tasks_in_queue() {
  const CommandResult result = run_command({"squeue", "--me", "--noheader", "--array", "--format=%F|%K|%T|%N"});
  if (result.code == 127) return {{}, "squeue is not in the PATH"};
  if (result.code != 0) return {{}, join_text("squeue does not answer (", trim(result.text), ")")};
  ClusterQueue queue;
  for (const auto& line : split_text(result.text, '\n')) {
    const auto fields = split_text(line, '|');
    ClusterTask task;
    if (fields.size() != 4) continue;  // a warning
    task.job = fields[0], task.state = fields[2], task.node = trim(fields[3]);
    if (std::from_chars(fields[1].data(), fields[1].data() + fields[1].size(), task.index).ec == std::errc{}) queue.tasks.push_back(task);
  }
  return queue;
}

}  // namespace millesime
