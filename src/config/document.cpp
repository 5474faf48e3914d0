#include "config/document.hpp"

#include <algorithm>
#include <utility>

#include <toml++/toml.h>

#include "anyvip/overloaded.hpp"

namespace anyvip::config {

namespace {

Place place_of(const toml::source_region& region) {
    return {region.begin.line, region.begin.column};
}

Value convert(const toml::node& node) {
    Value value{place_of(node.source()), DateOrTime{}};
    if (const auto* text = node.as_string()) {
        value.data = text->get();
    } else if (const auto* integer = node.as_integer()) {
        value.data = integer->get();
    } else if (const auto* number = node.as_floating_point()) {
        value.data = number->get();
    } else if (const auto* boolean = node.as_boolean()) {
        value.data = boolean->get();
    } else if (const auto* array = node.as_array()) {
        Array items;
        items.reserve(array->size());
        for (const toml::node& item : *array) items.push_back(convert(item));
        value.data = std::move(items);
    } else if (const auto* table = node.as_table()) {
        Table entries;
        entries.reserve(table->size());
        for (const auto& [key, item] : *table) {
            entries.push_back({std::string{key.str()}, place_of(key.source()), convert(item)});
        }
        value.data = std::move(entries);
    }
    return value;
}

}  // namespace

std::expected<Value, SyntaxError> parse_document(std::string_view text) {
    try {
        return convert(toml::parse(text));
    } catch (const toml::parse_error& error) {
        return std::unexpected{SyntaxError{place_of(error.source()), std::string{error.description()}}};
    }
}

const Entry* find(const Value& value, std::string_view key) {
    const auto* table = std::get_if<Table>(&value.data);
    if (table == nullptr) return nullptr;
    const auto entry = std::ranges::find(*table, key, &Entry::key);
    return entry == table->end() ? nullptr : &*entry;
}

std::string describe_kind(const Value& value) {
    return std::visit(overloaded{
                          [](const std::string&) { return std::string{"a string"}; },
                          [](std::int64_t integer) { return "the integer " + std::to_string(integer); },
                          [](double) { return std::string{"a number with a fraction"}; },
                          [](bool boolean) { return std::string{boolean ? "true" : "false"}; },
                          [](const DateOrTime&) { return std::string{"a date or time"}; },
                          [](const Array&) { return std::string{"an array"}; },
                          [](const Table&) { return std::string{"a table"}; },
                      },
                      value.data);
}

}  // namespace anyvip::config
