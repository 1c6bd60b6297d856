#include "pipeline/io/internal/gdal_call.h"

#include <sys/resource.h>

#include <algorithm>
#include <mutex>

#include <cpl_conv.h>
#include <cpl_error.h>

namespace millesime {
namespace {

// Windows are read in whole blocks, so GDAL's block cache is of little use; the pipeline limits memory itself.
constexpr GIntBig kBlockCacheBytes = GIntBig{64} << 20;

// A tile-year has more than a thousand files, which stay open while its windows are read.
constexpr rlim_t kOpenFileLimit = 65536;

void raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kOpenFileLimit) return;
  limit.rlim_cur = std::min(limit.rlim_max, kOpenFileLimit);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

void prepare_gdal() {
  static std::once_flag once;
  std::call_once(once, [] {
    CPLSetErrorHandler(CPLQuietErrorHandler);  // for GDAL's own worker threads; ours use GdalMessages
    GDALAllRegister();
    GDALSetCacheMax64(kBlockCacheBytes);
    CPLSetConfigOption("OGR_CURRENT_DATE", "2000-01-01T00:00:00Z");  // the same content gives the same bytes
    raise_open_files();
    // Object storage: a request that fails is made again; headers of files are read once, and folders are listed once.
    const auto set = [](const char* option, const char* value) {
      if (!CPLGetConfigOption(option, nullptr)) CPLSetConfigOption(option, value);  // the user's own choice counts
    };
    set("GDAL_HTTP_MAX_RETRY", "5"), set("GDAL_HTTP_RETRY_DELAY", "0.5");
    set("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR_FOR_REMOTE");
    set("CPL_VSIL_CURL_CACHE_SIZE", "134217728");  // bytes of files that are kept in memory
  });
}

int open_file_limit() {
  prepare_gdal();
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<int>(std::min(limit.rlim_cur, kOpenFileLimit)) : 256;
}

GdalMessages::GdalMessages() {
  prepare_gdal();
  CPLErrorReset();
  CPLPushErrorHandlerEx(&GdalMessages::collect, this);
}

GdalMessages::~GdalMessages() { CPLPopErrorHandler(); }

void GdalMessages::collect(CPLErr severity, CPLErrorNum, const char* message) {
  if (severity != CE_Warning && severity != CE_Failure) return;
  auto& self = *static_cast<GdalMessages*>(CPLGetErrorHandlerUserData());
  if (severity == CE_Failure) self.failed_ = true;
  constexpr std::size_t kEnough = 2000;  // the same message may come once a block
  if (self.words_.size() > kEnough || self.words_.find(message) != std::string::npos) return;
  if (!self.words_.empty()) self.words_ += "; ";
  self.words_ += message;
}

std::string GdalMessages::text() const { return words_.empty() ? "" : "GDAL says: " + words_; }

}  // namespace millesime
