#include "pipeline/io/sensors/item_file.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "pipeline/core/error.h"
#include "pipeline/core/text.h"
#include "pipeline/io/internal/storage.h"
#include "pipeline/io/sensors/item_table.h"

namespace millesime {
namespace {

using nlohmann::json;

void add_item(ItemFile& list, const json& feature, const SensorFile& sensor) {
  ProductItem item = product_item(feature);
  std::string tile = tile_of(item, sensor);
  if (is_of(item, sensor)) {
    list.items.push_back({std::move(item), std::move(tile)});
    return;
  }
  const std::string platform = item.text("platform");
  ++list.others[{tile, !item.collection.empty() ? item.collection : !platform.empty() ? platform : item.id}];
}

bool has_next_page(const json& links) {
  return links.is_array() &&
         std::ranges::any_of(links, [](const json& link) { return link.is_object() && link.value("rel", json()) == "next"; });
}

// A server answers a search page by page: one of them is a part of the year. `of_list`: what the list says besides its `n` features.
void require_whole(const std::string& path, const json& of_list, std::int64_t n) {
  std::optional<std::int64_t> matched;
  const auto look = [&](const json& in, const char* key) {
    if (in.is_object() && in.contains(key) && in[key].is_number_integer()) matched = in[key].get<std::int64_t>();
  };
  if (of_list.contains("context")) look(of_list["context"], "matched");
  look(of_list, "numberMatched");
  const bool goes_on = of_list.contains("links") && has_next_page(of_list["links"]);
  if (matched ? *matched <= n : !goes_on) return;
  throw UserError(join_text(path, ": holds ", n, " of ", matched ? join_text(*matched, " items") : "more items (it links to a next page)",
                            ": it is one page of a search; expected all of them. Save the whole search (stac-client search ... --save "
                            "items.json), or join the pages and drop \"numberMatched\", \"context\" and \"links\""));
}

// Feature by feature, and nothing else of the file is kept: lists of a national year are large.
ItemFile items_of_json(const std::string& path, const SensorFile& sensor) {
  constexpr int kOfList = 1, kOfFeature = 2;  // depths
  ItemFile list;
  bool in_features = false, has_features = false;
  int n = 0;
  const auto keep = [&](int depth, json::parse_event_t event, json& value) {
    using Event = json::parse_event_t;
    if (depth == kOfList && event == Event::key) in_features = value == "features";
    if (depth == kOfList && event == Event::array_start) has_features = has_features || in_features;
    const bool ends_value = event == Event::object_end || event == Event::array_end || event == Event::value;
    if (!in_features || !has_features || depth != kOfFeature || !ends_value) return true;
    ++n;
    if (!value.is_object() || !value.contains("properties") || !value["properties"].is_object() || !value.contains("assets") ||
        !value["assets"].is_object())
      throw UserError(join_text(path, ": feature ", n, ": expected a STAC item with \"properties\" and \"assets\""));
    add_item(list, value, sensor);
    return false;
  };
  const json rest = json::parse(text_of_file(path), keep, false);
  if (!rest.is_object() || !has_features)
    throw UserError(join_text(path, ": expected a STAC ItemCollection (JSON with \"features\"), as the search of a STAC API returns it"));
  require_whole(path, rest, n);
  return list;
}

ItemFile read_items(const std::string& path, const SensorFile& sensor) {
  if (!is_item_table(path)) return items_of_json(path, sensor);
  ItemFile list;
  for (const json& item : items_of_table(path)) add_item(list, item, sensor);
  return list;
}

struct ReadFile {
  std::optional<FileState> state;
  bool is_settled = false;  // not changed in the seconds before it was read, so that a later change changes its state
  std::shared_ptr<const ItemFile> list;
};

bool is_settled(const std::optional<FileState>& state) {
  constexpr std::chrono::seconds kLong{2};
  const auto before = std::chrono::system_clock::now() - kLong;
  return state && state->modified_ns < std::chrono::duration_cast<std::chrono::nanoseconds>(before.time_since_epoch()).count();
}

}  // namespace

std::shared_ptr<const ItemFile> item_file(const std::string& root, const SensorFile& sensor) {
  static std::mutex mutex;
  static std::map<std::string, ReadFile> known;
  const std::lock_guard lock(mutex);  // others wait for the list that is being read
  ReadFile& file = known[root + "|" + sensor.origin + "|" + sensor.digest];
  const std::optional<FileState> state = state_of(root);
  const bool is_same =
      file.list && state && file.state && state->bytes == file.state->bytes && state->modified_ns == file.state->modified_ns;
  if (!is_same || !file.is_settled) {
    file.list = nullptr;
    const bool settled = is_settled(state);
    file = {state, settled, std::make_shared<const ItemFile>(read_items(root, sensor))};
  }
  return file.list;
}

}  // namespace millesime
