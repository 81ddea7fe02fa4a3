// Prints what Go's own pprof reader makes of a profile as one JSON document: pprof_dump FILE...
//
// `go tool pprof -raw` is ambiguous (labels are printed without quotes, durations are cut), so this asks the library
// behind it, github.com/google/pprof/profile, in the copy that each Go release vendors for its pprof command; build.sh
// puts that copy beside this file. Several files are merged by profile.Merge, the merge oracle. Legacy text and binary
// profiles are read too, as pprof does.
//
// A stack is a list of indices into `locations`, leaf first as in the file, and a location's lines are innermost first;
// `mapping` is an index into `mappings`. `column` and `doc_url` exist only in newer releases and are found by reflection:
// null means that this release cannot see them. Strings as in canon.py.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"unicode/utf8"

	"reference/profile"
)

type object = map[string]any

// text is canon.py's string form: what is not UTF-8 is printed in hex.
func text(s string) string {
	if !utf8.ValidString(s) || strings.HasPrefix(s, "bytes:") || strings.HasPrefix(s, "object:") {
		return "bytes:" + hex.EncodeToString([]byte(s))
	}
	return s
}

func texts(list []string) []string {
	out := []string{}
	for _, s := range list {
		out = append(out, text(s))
	}
	return out
}

// optional reads a field that this release of the library may not have.
func optional(structure any, name string) any {
	field := reflect.Indirect(reflect.ValueOf(structure)).FieldByName(name)
	if !field.IsValid() {
		return nil
	}
	if s, ok := field.Interface().(string); ok {
		return text(s)
	}
	return field.Interface()
}

func valueType(v *profile.ValueType) any {
	if v == nil {
		return nil
	}
	return object{"type": text(v.Type), "unit": text(v.Unit)}
}

func line(l *profile.Line) object {
	out := object{"line": l.Line, "column": optional(l, "Column"), "function": nil}
	if f := l.Function; f != nil {
		out["function"] = object{
			"name":        text(f.Name),
			"system_name": text(f.SystemName),
			"file":        text(f.Filename),
			"start_line":  f.StartLine,
		}
	}
	return out
}

func location(l *profile.Location, mappingIndex map[*profile.Mapping]int) object {
	lines := []object{}
	for i := range l.Line {
		lines = append(lines, line(&l.Line[i]))
	}
	out := object{"address": l.Address, "folded": l.IsFolded, "lines": lines, "mapping": nil}
	if l.Mapping != nil {
		out["mapping"] = mappingIndex[l.Mapping]
	}
	return out
}

// labels joins the library's parallel maps: strings, and numbers with their unit ("" where the file gives none).
func labels(s *profile.Sample) object {
	out := object{}
	for key, values := range s.Label {
		out[text(key)] = object{"strings": texts(values)}
	}
	for key, values := range s.NumLabel {
		entry, ok := out[text(key)].(object)
		if !ok {
			entry = object{}
			out[text(key)] = entry
		}
		entry["numbers"] = values
		entry["units"] = texts(s.NumUnit[key])
	}
	return out
}

func mapping(m *profile.Mapping) object {
	return object{
		"start": m.Start, "limit": m.Limit, "offset": m.Offset,
		"file": text(m.File), "build_id": text(m.BuildID),
		"has_functions": m.HasFunctions, "has_filenames": m.HasFilenames,
		"has_line_numbers": m.HasLineNumbers, "has_inline_frames": m.HasInlineFrames,
	}
}

func document(p *profile.Profile) object {
	mappingIndex := map[*profile.Mapping]int{}
	mappings := []object{}
	for i, m := range p.Mapping {
		mappingIndex[m] = i
		mappings = append(mappings, mapping(m))
	}
	locationIndex := map[*profile.Location]int{}
	locations := []object{}
	for i, l := range p.Location {
		locationIndex[l] = i
		locations = append(locations, location(l, mappingIndex))
	}
	types := []any{}
	for _, v := range p.SampleType {
		types = append(types, valueType(v))
	}
	samples := []object{}
	for _, s := range p.Sample {
		stack := []int{}
		for _, l := range s.Location {
			stack = append(stack, locationIndex[l])
		}
		samples = append(samples, object{"values": s.Value, "labels": labels(s), "stack": stack})
	}
	return object{
		"tool":                object{"name": "google/pprof/profile", "version": runtime.Version()},
		"sample_types":        types,
		"default_sample_type": text(p.DefaultSampleType),
		"samples":             samples,
		"mappings":            mappings,
		"functions":           len(p.Function),
		"locations":           locations,
		"comments":            texts(p.Comments),
		"doc_url":             optional(p, "DocURL"),
		"drop_frames":         text(p.DropFrames),
		"keep_frames":         text(p.KeepFrames),
		"time_nanos":          p.TimeNanos,
		"duration_nanos":      p.DurationNanos,
		"period_type":         valueType(p.PeriodType),
		"period":              p.Period,
	}
}

func read(path string) (*profile.Profile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return profile.Parse(file)
}

func run(paths []string) error {
	if len(paths) == 0 {
		return fmt.Errorf("usage: pprof_dump FILE...")
	}
	profiles := []*profile.Profile{}
	for _, path := range paths {
		p, err := read(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		profiles = append(profiles, p)
	}
	result := profiles[0]
	if len(profiles) > 1 {
		merged, err := profile.Merge(profiles)
		if err != nil {
			return err
		}
		result = merged
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document(result))
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
