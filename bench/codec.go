package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"switchyard/spec"
)

// codec is the codec beside the library, for one 0100 of 18 data elements in the default dialect: medians. Dialects has
// the codec in all embedded ones.
type codec struct {
	PackNS              float64 `json:"pack_ns"`
	LibraryPackNS       float64 `json:"library_pack_ns"`
	PackRatio           float64 `json:"pack_ratio"` // how many times as fast
	PackAllocs          int     `json:"pack_allocs"`
	LibraryPackAllocs   int     `json:"library_pack_allocs"`
	UnpackNS            float64 `json:"unpack_ns"`
	LibraryUnpackNS     float64 `json:"library_unpack_ns"`
	UnpackRatio         float64 `json:"unpack_ratio"`
	UnpackAllocs        int     `json:"unpack_allocs"`
	LibraryUnpackAllocs int     `json:"library_unpack_allocs"`

	Dialects []dialect `json:"dialects,omitempty"` // the codec in each embedded one
}

// dialect is the codec in one dialect: medians.
type dialect struct {
	Name         string  `json:"name"`
	PackNS       float64 `json:"pack_ns"`
	PackAllocs   int     `json:"pack_allocs"`
	UnpackNS     float64 `json:"unpack_ns"`
	UnpackAllocs int     `json:"unpack_allocs"`
}

// slowest is what the slowest of the dialects takes.
func (c *codec) slowest() (packNS, unpackNS float64, allocs int) {
	for _, d := range c.Dialects {
		packNS, unpackNS = max(packNS, d.PackNS), max(unpackNS, d.UnpackNS)
		allocs = max(allocs, d.PackAllocs+d.UnpackAllocs)
	}
	return packNS, unpackNS, allocs
}

// printedRuns is a command with the lines of figures that it printed.
type printedRuns struct {
	Command string   `json:"command"`
	Printed []string `json:"printed"`
	Before  *moment  `json:"before"`
	After   *moment  `json:"after"`
}

// measureCodec runs the benchmarks of package spec a number of times.
func measureCodec(ctx context.Context, runs int) (*codec, *printedRuns, error) {
	args := []string{
		"test", "-run", "^$",
		"-bench", "^Benchmark(Pack|Unpack)Codec$|^Benchmark(Pack|Unpack)Library$/^iso87ascii$", "-benchmem",
		"-benchtime", "0.5s", "-count", strconv.Itoa(runs), "./spec",
	}
	printed := &printedRuns{Command: "go " + strings.Join(args, " "), Before: lookAround()}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, nil, fmt.Errorf("%w\n%s", err, text)
	}
	printed.After = lookAround()
	for line := range strings.Lines(string(text)) {
		if _, _, ok := parseBenchmark(line); ok {
			printed.Printed = append(printed.Printed, strings.Join(strings.Fields(line), " "))
		}
	}
	c, err := parseCodec(text)
	return &c, printed, err
}

// benchmark is a line of go test -bench -benchmem.
type benchmark struct {
	ns     float64
	allocs int
}

func parseCodec(text []byte) (codec, error) {
	lines, times := map[string]benchmark{}, map[string][]float64{}
	for in := bufio.NewScanner(bytes.NewReader(text)); in.Scan(); {
		if name, b, ok := parseBenchmark(in.Text()); ok {
			times[name] = append(times[name], b.ns)
			b.ns = medianOf(times[name])
			lines[name] = b
		}
	}
	wanted := []string{"BenchmarkPackLibrary/" + spec.DefaultDialect, "BenchmarkUnpackLibrary/" + spec.DefaultDialect}
	for _, d := range spec.Stock() {
		wanted = append(wanted, "BenchmarkPackCodec/"+d, "BenchmarkUnpackCodec/"+d)
	}
	for _, name := range wanted {
		if lines[name].ns == 0 {
			return codec{}, fmt.Errorf("no line of %s in what go test printed", name)
		}
	}
	of := func(name string) benchmark { return lines["Benchmark"+name+"/"+spec.DefaultDialect] }
	pack, libraryPack := of("PackCodec"), of("PackLibrary")
	unpack, libraryUnpack := of("UnpackCodec"), of("UnpackLibrary")
	c := codec{
		PackNS: pack.ns, LibraryPackNS: libraryPack.ns, PackRatio: ratio(libraryPack.ns, pack.ns),
		PackAllocs: pack.allocs, LibraryPackAllocs: libraryPack.allocs,
		UnpackNS: unpack.ns, LibraryUnpackNS: libraryUnpack.ns, UnpackRatio: ratio(libraryUnpack.ns, unpack.ns),
		UnpackAllocs: unpack.allocs, LibraryUnpackAllocs: libraryUnpack.allocs,
	}
	for _, name := range spec.Stock() {
		pack, unpack := lines["BenchmarkPackCodec/"+name], lines["BenchmarkUnpackCodec/"+name]
		c.Dialects = append(c.Dialects, dialect{name, pack.ns, pack.allocs, unpack.ns, unpack.allocs})
	}
	return c, nil
}

// parseBenchmark reads "BenchmarkX/dialect-2   1000   123.4 ns/op   16 B/op   2 allocs/op" and returns
// BenchmarkX/dialect: the number at its end is how many processors there are, left out for one.
func parseBenchmark(line string) (name string, b benchmark, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", b, false
	}
	name = processors.ReplaceAllString(fields[0], "")
	for i := 3; i < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i-1], 64)
		if err != nil {
			return "", b, false
		}
		switch fields[i] {
		case "ns/op":
			b.ns = value
		case "allocs/op":
			b.allocs = int(value)
		}
	}
	return name, b, b.ns > 0
}

var processors = regexp.MustCompile(`-[0-9]+$`)

// ratio has one decimal: there is no more to it between two runs.
func ratio(a, b float64) float64 { return float64(int(a/b*10+0.5)) / 10 }
