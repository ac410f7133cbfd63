package main

import (
	"reflect"
	"strings"
	"testing"

	"switchyard/spec"
)

// printed ends with the dialects beside the default one.
var printed = printedDefault + others()

func others() (text string) {
	for _, name := range spec.Stock()[1:] {
		text += "BenchmarkPackCodec/" + name + "-2  1000  410.0 ns/op  0 B/op  1 allocs/op\n" +
			"BenchmarkUnpackCodec/" + name + "-2  1000  320.0 ns/op  0 B/op  0 allocs/op\n"
	}
	return text
}

const printedDefault = `goos: linux
goarch: amd64
pkg: switchyard/spec
BenchmarkPackCodec/iso87ascii-2       	 5000000	       250.0 ns/op	       0 B/op	       0 allocs/op
BenchmarkPackLibrary/iso87ascii-2     	   60000	     15120 ns/op	    7412 B/op	     141 allocs/op
BenchmarkUnpackCodec/iso87ascii       	 4000000	       310.5 ns/op	 800.00 MB/s	       0 B/op	       0 allocs/op
BenchmarkUnpackLibrary/iso87ascii-16  	   90000	     12420 ns/op	    6000 B/op	     120 allocs/op
PASS
`

func TestParseCodec(t *testing.T) {
	got, err := parseCodec([]byte(printed))
	if err != nil {
		t.Fatal(err)
	}
	want := codec{
		PackNS: 250, LibraryPackNS: 15120, PackRatio: 60.5, LibraryPackAllocs: 141,
		UnpackNS: 310.5, LibraryUnpackNS: 12420, UnpackRatio: 40, LibraryUnpackAllocs: 120,
	}
	for _, name := range spec.Stock() {
		d := dialect{Name: name, PackNS: 410, PackAllocs: 1, UnpackNS: 320}
		if name == spec.DefaultDialect {
			d = dialect{Name: name, PackNS: 250, UnpackNS: 310.5}
		}
		want.Dialects = append(want.Dialects, d)
	}
	if pack, unpack, allocs := got.slowest(); pack != 410 || unpack != 320 || allocs != 1 {
		t.Errorf("slowest: pack %g, unpack %g, %d allocations; want 410, 320, 1", pack, unpack, allocs)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for line := range strings.Lines(printed) {
		if strings.HasPrefix(line, "Benchmark") {
			if _, err := parseCodec([]byte(strings.Replace(printed, line, "", 1))); err == nil {
				t.Errorf("without %q: no error", line)
			}
		}
	}
}
