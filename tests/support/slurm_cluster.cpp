#include "tests/support/slurm_cluster.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace millesime::testing {
namespace fs = std::filesystem;
namespace {

constexpr int kNodes = 2;

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string output_of(const std::string& line) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(line.c_str(), "r"), ::pclose);
  std::string text;
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; pipe && (n = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;) text.append(buffer.data(), n);
  return text;
}

std::string content(const fs::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// The second number after the name: pid (name) state parent ...
pid_t parent_of(pid_t pid) {
  const std::string stat = content(fs::path("/proc") / std::to_string(pid) / "stat");
  pid_t parent = 0;
  const auto name_end = stat.rfind(')');
  if (name_end != std::string::npos && std::sscanf(stat.c_str() + name_end + 1, " %*c %d", &parent) != 1) parent = 0;
  return parent;
}

// The process and everything that descends from it, children last.
std::vector<pid_t> family(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0) continue;
    if (const pid_t parent = parent_of(pid); parent > 0) children.emplace(parent, pid);
  }
  std::vector<pid_t> found = {root};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto [first, last] = children.equal_range(found[i]);
    for (auto it = first; it != last; ++it) found.push_back(it->second);
  }
  return found;
}

void end(pid_t pid, int signal) {
  for (const pid_t member : family(pid)) ::kill(member, signal);
  ::waitpid(pid, nullptr, 0);
}

// Tasks of a node outlive its slurmd: they are found by what Slurm puts into their environment.
std::vector<pid_t> tasks_of(const std::string& node, const std::string& configuration) {
  std::vector<pid_t> tasks;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    if (pid <= 0 || pid == ::getpid()) continue;
    const std::string environment = content(entry.path() / "environ") + std::string(1, '\0');
    const auto has = [&](const std::string& variable) { return environment.find(variable + std::string(1, '\0')) != std::string::npos; };
    if (has("SLURMD_NODENAME=" + node) && has("SLURM_CONF=" + configuration)) tasks.push_back(pid);
  }
  return tasks;
}

bool is_step_daemon(pid_t pid) { return pid > 1 && content(fs::path("/proc") / std::to_string(pid) / "comm").starts_with("slurmstepd"); }

template <class Condition>
bool wait_for(int seconds, const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return true;
}

}  // namespace

std::string SlurmCluster::missing() {
  if (::geteuid() != 0) return "a Slurm can only be started as root";
  for (const char* program : {"munged", "slurmctld", "slurmd", "sbatch"})
    if (output_of(std::string("command -v ") + program).empty())
      return std::string(program) + " is not installed (scripts/packages-debian-tests.txt)";
  return "";
}

SlurmCluster::SlurmCluster(const std::string& folder) : folder_(folder) {
  fs::remove_all(folder);
  for (const char* sub : {"munge", "state", "spool", "log"}) fs::create_directories(folder + "/" + sub);
  ::chmod((folder + "/munge").c_str(), 0711);
  {
    std::random_device random;
    std::ofstream key(folder + "/munge/key", std::ios::binary);
    for (int i = 0; i < 256; ++i) {
      const unsigned value = random();
      key.write(reinterpret_cast<const char*>(&value), sizeof value);
    }
  }
  ::chmod((folder + "/munge/key").c_str(), 0400);
  const std::string socket = folder + "/munge/socket";
  const int port = 20000 + static_cast<int>(::getpid() % 10000) * 4;
  std::ofstream conf(folder + "/slurm.conf");
  conf << "ClusterName=test\nSlurmctldHost=" << host_name()
       << "(127.0.0.1)\nSlurmUser=root\nAuthType=auth/munge\nAuthInfo=socket=" << socket
       << "\nCryptoType=crypto/munge\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSelectType=select/cons_tres\n"
       << "SelectTypeParameters=CR_Core\nReturnToService=2\nMpiDefault=none\nSwitchType=switch/none\nSlurmdParameters=config_overrides\n"
       << "SlurmctldPort=" << port << "\nStateSaveLocation=" << folder << "/state\nSlurmdSpoolDir=" << folder << "/spool/%n\n"
       << "SlurmctldPidFile=" << folder << "/slurmctld.pid\nSlurmdPidFile=" << folder << "/slurmd-%n.pid\nSlurmctldLogFile=" << folder
       << "/log/slurmctld.log\nSlurmdLogFile=" << folder
       << "/log/slurmd-%n.log\n"
       // Detects a dead node and an ended dependency quickly, as a test waits for both.
       << "SlurmdTimeout=5\nInactiveLimit=0\nKillWait=2\nSchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0\n";
  for (int node = 0; node < kNodes; ++node)
    conf << "NodeName=n" << node + 1 << " NodeHostname=" << host_name() << " NodeAddr=127.0.0.1 Port=" << port + 1 + node
         << " CPUs=1 RealMemory=4000\n";
  conf << "PartitionName=main Nodes=n1,n2 Default=YES State=UP\n";
  conf.close();
  ::setenv("SLURM_CONF", (folder + "/slurm.conf").c_str(), 1);

  others_.push_back(
      start({"munged", "--foreground", "--force", "--key-file=" + folder + "/munge/key", "--socket=" + socket,
             "--pid-file=" + folder + "/munge/pid", "--log-file=" + folder + "/munge/log", "--seed-file=" + folder + "/munge/seed"}));
  wait_for(10, [&] { return fs::exists(socket); });
  others_.push_back(start({"slurmctld", "-D"}));
  nodes_.assign(kNodes, 0);
  for (int node = 0; node < kNodes; ++node) start_node(node);
  if (wait_for(30, [&] { return output_of("sinfo --noheader --states=idle --format=%D 2>/dev/null") == "2\n"; })) return;
  end_all();
  std::string logs = "Slurm does not answer:\n";
  for (const auto& entry : fs::directory_iterator(folder + "/log")) logs += content(entry.path());
  throw std::runtime_error(logs);
}

void SlurmCluster::end_all() {
  for (int node = 0; node < kNodes; ++node) kill_node(node);
  for (auto it = others_.rbegin(); it != others_.rend(); ++it) end(*it, SIGTERM);
}

SlurmCluster::~SlurmCluster() {
  output_of("scancel --me 2>/dev/null");
  wait_until_idle(10);
  end_all();
}

pid_t SlurmCluster::start(const std::vector<std::string>& words) {
  std::vector<std::string> copy = words;
  std::vector<char*> argv;
  for (auto& word : copy) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string log = folder_ + "/log/" + words.front() + ".out";
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::setsid();
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  return child;
}

void SlurmCluster::start_node(int node) {
  nodes_.at(static_cast<std::size_t>(node)) = start({"slurmd", "-D", "-N", "n" + std::to_string(node + 1)});
}

void SlurmCluster::kill_node(int node) {
  pid_t& pid = nodes_.at(static_cast<std::size_t>(node));
  if (pid > 0) end(pid, SIGKILL);
  pid = 0;
  for (const pid_t task : tasks_of("n" + std::to_string(node + 1), folder_ + "/slurm.conf")) {
    // Its step daemon first, so that it cannot report the end of the task.
    if (const pid_t parent = parent_of(task); is_step_daemon(parent)) ::kill(parent, SIGKILL);
    ::kill(task, SIGKILL);
  }
}

std::string SlurmCluster::queue() const { return output_of("squeue --noheader --array --format='%F_%K %j %T %N %r' 2>&1"); }

bool SlurmCluster::wait_until_idle(int seconds) const {
  return wait_for(seconds, [&] {
    // Slurm holds back what it requeues for two minutes.
    output_of(
        "for task in $(squeue --noheader --array --states=PENDING --format='%i %r' | sed -n 's/ BeginTime$//p'); do "
        "scontrol update JobId=$task StartTime=now; done 2>&1");
    return queue().empty();
  });
}

}  // namespace millesime::testing
