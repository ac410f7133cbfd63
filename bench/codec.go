package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// codec is the codec beside the library, for one 0100 of 18 data elements in the default dialect: medians.
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
}

// measureCodec runs the benchmarks of package spec a number of times.
func measureCodec(ctx context.Context, runs int) (codec, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$",
		"-bench", "^Benchmark(Pack|Unpack)(Codec|Library)$/^iso87ascii$", "-benchmem",
		"-benchtime", "0.5s", "-count", strconv.Itoa(runs), "./spec")
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return codec{}, fmt.Errorf("%w\n%s", err, text)
	}
	return parseCodec(text)
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
	for _, name := range []string{
		"BenchmarkPackCodec", "BenchmarkPackLibrary", "BenchmarkUnpackCodec", "BenchmarkUnpackLibrary",
	} {
		if lines[name].ns == 0 {
			return codec{}, fmt.Errorf("no line of %s in what go test printed", name)
		}
	}
	pack, libraryPack := lines["BenchmarkPackCodec"], lines["BenchmarkPackLibrary"]
	unpack, libraryUnpack := lines["BenchmarkUnpackCodec"], lines["BenchmarkUnpackLibrary"]
	return codec{
		PackNS: pack.ns, LibraryPackNS: libraryPack.ns, PackRatio: ratio(libraryPack.ns, pack.ns),
		PackAllocs: pack.allocs, LibraryPackAllocs: libraryPack.allocs,
		UnpackNS: unpack.ns, LibraryUnpackNS: libraryUnpack.ns, UnpackRatio: ratio(libraryUnpack.ns, unpack.ns),
		UnpackAllocs: unpack.allocs, LibraryUnpackAllocs: libraryUnpack.allocs,
	}, nil
}

// parseBenchmark reads "BenchmarkX/dialect-2   1000   123.4 ns/op   16 B/op   2 allocs/op" and returns BenchmarkX.
func parseBenchmark(line string) (name string, b benchmark, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return "", b, false
	}
	name, _, _ = strings.Cut(fields[0], "/")
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

// ratio has one decimal: there is no more to it between two runs.
func ratio(a, b float64) float64 { return float64(int(a/b*10+0.5)) / 10 }
