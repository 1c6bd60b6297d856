#pragma once
// Files of this folder that pages have in them: CMake makes them constants.

namespace millesime::html {

extern const char* const kPageStyle;  // page.css
extern const char* const kMapViewer;  // map_viewer.js

}  // namespace millesime::html
