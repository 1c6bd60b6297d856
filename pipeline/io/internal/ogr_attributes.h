#pragma once
// Inside pipeline/io only: attributes of OGR's features.

#include <string>
#include <vector>

#include <ogr_api.h>

#include "pipeline/io/vector_file.h"

namespace millesime {

// As UTF-8; "" without a value.
std::string attribute_text(OGRFeatureH feature, int field);
std::vector<std::string> field_names(OGRLayerH layer);
// The place of a field: that of this name, or the only one that differs in the case of letters alone; -1 for none.
int field_in_any_case(const std::vector<std::string>& fields, const std::string& name);

OGRFieldType field_type(const Attribute& attribute);
void set_attribute(OGRFeatureH feature, int field, const Attribute& attribute);

}  // namespace millesime
