// Where in a text an error is, for its message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tessera::filter {

// The place of a byte offset in characters (UTF-8) from 1.
size_t ColumnOf(std::string_view text, size_t offset);
// The byte offset of a column: the inverse, at most the size of the text.
size_t OffsetOfColumn(std::string_view text, size_t column);
// "\n" + the line of `offset`, cut to what fits a terminal + "\n" + a caret under it.
std::string CaretLine(std::string_view text, size_t offset);
// A piece of hostile text fit to stand in a message: at most 40 bytes at a character's end, no
// control characters.
std::string Excerpt(std::string_view text);

}  // namespace tessera::filter
