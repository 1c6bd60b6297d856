#include "pipeline/io/internal/read_back.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include <cpl_vsi.h>
#include <gdal.h>

#include "pipeline/core/checksum.h"
#include "pipeline/core/error.h"
#include "pipeline/core/sha256.h"
#include "pipeline/io/internal/gdal_raster.h"

namespace millesime {

// The bytes of the file. What is asked for in order goes into the checksums as it is read.
class ReadBack::File {
 public:
  File(const std::string& path, bool with_sha256) : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat status {};
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) fail();
    bytes_ = static_cast<std::uint64_t>(status.st_size);
    if (with_sha256) sha256_.emplace();
  }
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return bytes_; }

  // Returns how many there are.
  std::size_t read(std::uint64_t at, void* to, std::size_t n) {
    const std::lock_guard lock(mutex_);
    if (at >= bytes_) return 0;
    n = static_cast<std::size_t>(std::min<std::uint64_t>(n, bytes_ - at));
    constexpr std::uint64_t kGap = 1 << 20;  // tables may lie between blocks, or at the end of the file
    if (at > done_ && at - done_ <= kGap) read_up_to(at);
    const std::size_t got = read_bytes(at, static_cast<char*>(to), n);
    if (at <= done_ && at + got > done_) {
      const auto known = static_cast<std::size_t>(done_ - at);
      add({static_cast<const char*>(to) + known, got - known});
    }
    return got;
  }
  void approach(std::uint64_t at) {
    const std::lock_guard lock(mutex_);
    read_up_to(std::min(at, bytes_));
  }
  ReadBackSums finish() {
    const std::lock_guard lock(mutex_);
    read_up_to(bytes_);
    return {xxh3_.finish(), sha256_ ? sha256_->finish() : ""};
  }

 private:
  [[noreturn]] void fail() const { throw UserError(join_text(path_, ": cannot be read back: ", std::strerror(errno))); }

  std::size_t read_bytes(std::uint64_t at, char* to, std::size_t n) const {
    std::size_t got = 0;
    while (got < n) {
      const ssize_t some = ::pread(descriptor_, to + got, n - got, static_cast<off_t>(at + got));
      if (some < 0 && errno == EINTR) continue;
      if (some <= 0) break;
      got += static_cast<std::size_t>(some);
    }
    return got;
  }
  void read_up_to(std::uint64_t at) {
    std::vector<char> part;
    while (done_ < at) {
      part.resize(static_cast<std::size_t>(std::min<std::uint64_t>(at - done_, 1 << 20)));
      if (read_bytes(done_, part.data(), part.size()) < part.size()) fail();
      add({part.data(), part.size()});
    }
  }
  void add(std::string_view bytes) {
    xxh3_.add(bytes);
    if (sha256_) sha256_->add(bytes);
    done_ += bytes.size();
  }

  std::string path_;
  int descriptor_;
  std::uint64_t bytes_ = 0, done_ = 0;  // done: in the checksums
  Xxh3 xxh3_;
  std::optional<Sha256> sha256_;
  std::mutex mutex_;
};

namespace {

constexpr const char* kPrefix = "/vsimillesime_read_back/";

// The files that are read back now, by the names that GDAL opens.
class OpenFiles {
 public:
  std::string add(const std::shared_ptr<ReadBack::File>& file) {
    const std::lock_guard lock(mutex_);
    std::string name = std::to_string(next_++) + ".tif";
    files_[name] = file;
    return name;
  }
  void remove(const std::string& name) {
    const std::lock_guard lock(mutex_);
    files_.erase(name);
  }
  std::shared_ptr<ReadBack::File> find(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto known = files_.find(name);
    return known == files_.end() ? nullptr : known->second;
  }

 private:
  std::mutex mutex_;
  std::int64_t next_ = 0;
  std::map<std::string, std::shared_ptr<ReadBack::File>> files_;
};

OpenFiles& open_files() {
  static OpenFiles all;
  return all;
}

// What GDAL has of a file that it opened.
struct Handle {
  std::shared_ptr<ReadBack::File> file;
  std::uint64_t at = 0;
  bool at_end = false;
};

void install_handler() {
  static std::once_flag once;
  std::call_once(once, [] {
    VSIFilesystemPluginCallbacksStruct* calls = VSIAllocFilesystemPluginCallbacksStruct();
    calls->stat = [](void*, const char* name, VSIStatBufL* status, int) {
      const auto file = open_files().find(name);
      if (!file) return -1;
      *status = {};
      status->st_size = static_cast<off_t>(file->bytes());
      status->st_mode = S_IFREG;
      return 0;
    };
    calls->open = [](void*, const char* name, const char*) -> void* {
      auto file = open_files().find(name);
      return file ? new Handle{std::move(file)} : nullptr;
    };
    calls->tell = [](void* handle) -> vsi_l_offset { return static_cast<Handle*>(handle)->at; };
    calls->seek = [](void* handle, vsi_l_offset offset, int whence) {
      auto* const h = static_cast<Handle*>(handle);
      h->at = whence == SEEK_CUR ? h->at + offset : whence == SEEK_END ? h->file->bytes() + offset : offset;
      h->at_end = false;
      return 0;
    };
    calls->read = [](void* handle, void* to, size_t size, size_t count) -> size_t {
      auto* const h = static_cast<Handle*>(handle);
      if (size == 0 || count == 0) return 0;
      try {
        const std::size_t got = h->file->read(h->at, to, size * count);
        h->at += got;
        h->at_end = got < size * count;
        return got / size;
      } catch (const UserError&) {  // GDAL's caller says that the block cannot be read
        return 0;
      }
    };
    calls->eof = [](void* handle) { return static_cast<Handle*>(handle)->at_end ? 1 : 0; };
    calls->close = [](void* handle) {
      delete static_cast<Handle*>(handle);
      return 0;
    };
    VSIInstallPluginHandler(kPrefix, calls);
    VSIFreeFilesystemPluginCallbacksStruct(calls);
  });
}

}  // namespace

ReadBack::ReadBack(const std::string& path, bool with_sha256) : file_(std::make_shared<File>(path, with_sha256)) {
  install_handler();
  name_ = open_files().add(file_);
  try {
    dataset_ = open_raster(kPrefix + name_, {"GTiff"});
  } catch (const UserError& error) {
    open_files().remove(name_);
    throw with_context(path, error);
  }
}

ReadBack::~ReadBack() {
  dataset_.reset();
  open_files().remove(name_);
}

void ReadBack::approach(int band, int block_col, int block_row) {
  const std::string place = join_text("BLOCK_OFFSET_", block_col, "_", block_row);
  if (const char* offset = GDALGetMetadataItem(GDALGetRasterBand(dataset_.get(), band + 1), place.c_str(), "TIFF"))
    file_->approach(std::strtoull(offset, nullptr, 10));
}

void ReadBack::finish() { remember_read_back(file_->path(), file_->finish()); }

}  // namespace millesime
