package route_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"switchyard/switch/issuer/route"
)

const header = "prefix,route,destination,host,weight\n"

func parse(t *testing.T, rows string) *route.Table {
	t.Helper()
	table, err := route.Parse(strings.NewReader(header + rows))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestExampleTable(t *testing.T) {
	f, err := os.Open("../../../configs/bins.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table, err := route.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	for pan, want := range map[string]string{
		"4000001234567899": "visa",
		"5105105105105100": "mastercard",
		"5605105105105100": "other",
		"2220999999999999": "other",
		"2221000000000009": "mastercard",
		"2500000000000000": "mastercard",
		"2720990000000000": "mastercard",
		"2721000000000000": "other",
		"371449635398431":  "amex",
		"3528000000000007": "other",
		"":                 "other",
	} {
		r, ok := table.Lookup(pan)
		if !ok || r.Name != want {
			t.Errorf("%s: got %v, want %s", pan, r, want)
		}
	}
}

func TestLongestPrefix(t *testing.T) {
	table := parse(t, "4,visa,V,a,1\n400001,test,T,b,1\n40000123,own,O,c,1\n40,visa,,,\n")
	for pan, want := range map[string]string{
		"4":                "visa",
		"41":               "visa",
		"400000":           "visa",
		"400001":           "test",
		"4000012299999999": "test",
		"4000012345678901": "own",
		"5":                "",
		"":                 "",
		"400001x":          "test",
		"x":                "",
		"４000":             "", // a digit that is not ASCII's
	} {
		r, ok := table.Lookup(pan)
		switch {
		case want == "" && ok:
			t.Errorf("%q: got %v, want no route", pan, r)
		case want != "" && (!ok || r.Name != want):
			t.Errorf("%q: got %v, found %t; want %s", pan, r, ok, want)
		}
	}
}

// TestLookupAgainstAScan holds the trie to the definition of the longest prefix.
func TestLookupAgainstAScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[0-3]{0,6}`)
		byPrefix := map[string]string{}
		var bins []route.Bin
		var routes []route.Route
		for i, prefix := range rapid.SliceOfDistinct(digits, rapid.ID[string]).Draw(t, "prefixes") {
			name := fmt.Sprintf("r%d", i)
			byPrefix[prefix] = name
			bins = append(bins, route.Bin{Prefix: prefix, Route: name})
			routes = append(
				routes, route.Route{Name: name, Destination: "D", Hosts: []route.WeightedHost{{Host: "h", Weight: 1}}},
			)
		}
		table, err := route.New(routes, bins)
		if err != nil {
			t.Fatal(err)
		}
		pan := rapid.StringMatching(`[0-3]{0,8}`).Draw(t, "pan")
		want := ""
		for n := 0; n <= len(pan); n++ {
			if name, ok := byPrefix[pan[:n]]; ok {
				want = name
			}
		}
		r, ok := table.Lookup(pan)
		if ok != (want != "") || ok && r.Name != want {
			t.Fatalf("%s among %v: got %v, want %q", pan, byPrefix, r, want)
		}
	})
}

func TestParseErrors(t *testing.T) {
	many := func(row string, n int) string {
		var all strings.Builder
		for i := range n {
			fmt.Fprintf(&all, row+"\n", i)
		}
		return all.String()
	}
	for _, tc := range []struct{ name, file, want string }{
		{"empty", "", "line 1: want the header prefix,route,destination,host,weight"},
		{"no header", "4,visa,V,a,1\n", `line 1, column prefix (character 1): "4": want the header`},
		{
			"one column is called otherwise", "prefix,route,dest,host,weight\n",
			`line 1, column destination (character 14): "dest"`,
		},
		{"no rows", header, "line 2: want at least one route"},
		{"too few columns", header + "4,visa,V,a\n", "line 2: want the 5 columns"},
		{"letter in a prefix", header +
			"4,visa,V,a,1\n4x,visa,,,\n", `line 3, column prefix (character 1): "4x": want at most 11 digits`},
		{"long prefix", header + "400000123456,visa,V,a,1\n", "line 2, column prefix (character 1)"},
		{"blank before a prefix", header + " 4,visa,V,a,1\n", "line 2, column prefix (character 1)"},
		{"no route", header + "4,,V,a,1\n", "line 2, column route (character 3)"},
		{"two routes", header +
			"4,visa,V,a,1\n# a comment\n4,other,V,a,1\n", `line 4, column prefix (character 1): "4": it has route "visa" above`},
		{"two destinations", header +
			"4,visa,V,a,1\n5,visa,W,,\n", `line 3, column destination (character 8): "W": route "visa" has "V" above`},
		{"bad destination", header + "4,visa,a/b,a,1\n", "line 2, column destination (character 8)"},
		{"no destination", header + "4,visa,,a,1\n", `line 2, column destination: no row of route "visa" has one`},
		{"no host", header + "4,visa,V,,\n", `line 2, column host: no row of route "visa" has one`},
		{"weight without a host", header + "4,visa,V,,1\n", "line 2, column host (character 10)"},
		{"host without a weight", header + "4,visa,V,a,\n", `line 2, column weight (character 12): "": want a number`},
		{"weight too high", header + "4,visa,V,a,1001\n", "line 2, column weight (character 12): 1001: want 0 to 1000"},
		{"negative weight", header + "4,visa,V,a,-1\n", "line 2, column weight (character 12): -1: want 0 to 1000"},
		{"two weights", header +
			"4,visa,V,a,1\n5,visa,,a,2\n", `line 3, column weight (character 11): 2: host "a" of route "visa" has 1 above`},
		{"too many hosts", header +
			many("4,visa,V,h%d,1", 17), `line 18, column host (character 10): "h16": want at most 16 hosts`},
		{"too many routes", header + many("%[1]d,r%[1]d,V,a,1", 1025), "line 1026, column route"},
		{"open quote", header + "4,\"visa,V,a,1\n", "line 2, character"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := route.Parse(strings.NewReader(tc.file))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want one that says %q", err, tc.want)
			}
		})
	}
}

// endless gives comment lines for ever.
type endless struct{ began bool }

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	if !e.began {
		e.began = true
		n = copy(p, header)
	}
	line := "# and so on\n"
	for n+len(line) <= len(p) {
		n += copy(p[n:], line)
	}
	return n, nil
}

func TestEndlessFile(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 256 MiB")
	}
	_, err := route.Parse(&endless{})
	if err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("got error %v, want one about the size of the file", err)
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("the disk is gone")
	_, err := route.Parse(io.MultiReader(strings.NewReader(header+"4,visa,V,a,1\n"), errReader{broken}))
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the reader's error", err)
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }

func TestNewErrors(t *testing.T) {
	good := []route.Route{{Name: "visa", Destination: "V", Hosts: []route.WeightedHost{{Host: "a", Weight: 1}}}}
	for _, tc := range []struct {
		name   string
		routes []route.Route
		bins   []route.Bin
		want   string
	}{
		{"unknown route", good, []route.Bin{{Prefix: "4", Route: "vise"}}, `prefix 1 ("4"): route "vise"`},
		{"doubled prefix", good, []route.Bin{
			{Prefix: "4", Route: "visa"}, {Prefix: "4", Route: "visa"},
		}, `prefix 2 ("4"): it has route "visa" already`},
		{"bad prefix", good, []route.Bin{{Prefix: "-4", Route: "visa"}}, `prefix 1 ("-4"): want at most 11 digits`},
		{"doubled route", append(good, good...), nil, `route 2 ("visa"): name`},
		{"no hosts", []route.Route{{Name: "visa", Destination: "V"}}, nil, "hosts: 0: want 1 to 16"},
		{"doubled host", []route.Route{{
			Name: "visa", Destination: "V", Hosts: []route.WeightedHost{{"a", 1}, {"a", 2}},
		}}, nil, `host 2 ("a")`},
		{"bad weight", []route.Route{{
			Name: "visa", Destination: "V", Hosts: []route.WeightedHost{{"a", -1}},
		}}, nil, "weight: -1"},
		{"no name", []route.Route{{Destination: "V", Hosts: []route.WeightedHost{{"a", 1}}}}, nil, "name"},
		{"no destination", []route.Route{{Name: "visa", Hosts: []route.WeightedHost{{"a", 1}}}}, nil, "destination"},
		{"a space in a name", []route.Route{{
			Name: "vi sa", Destination: "V", Hosts: []route.WeightedHost{{"a", 1}},
		}}, nil, "name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := route.New(tc.routes, tc.bins)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want one that says %q", err, tc.want)
			}
		})
	}
}

func TestPickByWeight(t *testing.T) {
	r := parseOne(t, "4,visa,V,a,5\n4,visa,V,b,3\n4,visa,V,c,2\n4,visa,V,d,0\n")
	const picks = 100_000
	shares := func(ready func(string) bool) map[string]float64 {
		counts := map[string]float64{}
		for key := range uint64(picks) {
			host, ok := r.Pick(key, ready)
			if !ok {
				t.Fatal("no host")
			}
			counts[host] += 1.0 / picks
		}
		return counts
	}
	hold := func(got, want map[string]float64) {
		t.Helper()
		for _, h := range r.Hosts {
			if math.Abs(got[h.Host]-want[h.Host]) > 0.01 {
				t.Errorf("host %s gets %.3f of the payments, want %.3f", h.Host, got[h.Host], want[h.Host])
			}
		}
	}
	hold(shares(nil), map[string]float64{"a": 0.5, "b": 0.3, "c": 0.2})
	hold(shares(func(h string) bool { return h != "a" }), map[string]float64{"b": 0.6, "c": 0.4})
	hold(shares(func(h string) bool { return h == "d" }), map[string]float64{"d": 1})
}

func TestPickStays(t *testing.T) {
	r := parseOne(t, "4,visa,V,a,5\n4,visa,V,b,3\n4,visa,V,c,2\n")
	for key := range uint64(1000) {
		all, _ := r.Pick(key, nil)
		again, _ := r.Pick(key, nil)
		withoutC, _ := r.Pick(key, func(h string) bool { return h != "c" })
		if again != all || all != "c" && withoutC != all {
			t.Fatalf("key %d: %s, then %s, without c %s", key, all, again, withoutC)
		}
	}
	if host, ok := r.Pick(1, func(string) bool { return false }); ok {
		t.Errorf("got %s although no host is ready", host)
	}
}

func parseOne(t *testing.T, rows string) *route.Route {
	t.Helper()
	r, ok := parse(t, rows).Lookup("4000001234567899")
	if !ok {
		t.Fatal("no route")
	}
	return r
}

func FuzzParse(f *testing.F) {
	f.Add(header + "4,visa,V,a,1\n,other,O,b,0\n")
	f.Add(header + "4,\"visa\",V,a,1\n# c\n400001,visa,,,\n")
	f.Fuzz(func(t *testing.T, file string) {
		table, err := route.Parse(strings.NewReader(file))
		if err != nil {
			return
		}
		if r, ok := table.Lookup("4000001234567899"); ok {
			if _, ok := r.Pick(1, nil); !ok {
				t.Errorf("route %q has no host", r.Name)
			}
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	var bins []route.Bin
	for n := 100_000; n < 1_000_000; n += 9 {
		bins = append(bins, route.Bin{Prefix: fmt.Sprint(n), Route: "r"})
	}
	table, err := route.New([]route.Route{{
		Name: "r", Destination: "D", Hosts: []route.WeightedHost{{Host: "a", Weight: 2}, {Host: "b", Weight: 1}},
	}}, bins)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			table.Lookup("4000001234567899")
		}
	})
	r := &table.Routes()[0]
	b.Run("pick", func(b *testing.B) {
		b.ReportAllocs()
		key := uint64(0)
		for b.Loop() {
			r.Pick(key, nil)
			key++
		}
	})
}
