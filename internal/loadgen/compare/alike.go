package compare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"switchyard/internal/loadgen/record"
)

// Differences are what two runs were set up with differently, a line each: "setup.rate: 100, 200", and in which
// operations. The seed may differ, and so may the address of a target, which is often what is compared, and the
// version.
func Differences(a, b *record.Run) (list []string) {
	type part struct {
		Setup      record.Setup   `json:"setup"`
		Operations []string       `json:"operations"`
		Machine    record.Machine `json:"machine"`
	}
	flat := func(r *record.Run) map[string]string {
		p := part{Setup: r.Setup, Machine: r.Machine}
		for i := range r.Operations {
			p.Operations = append(p.Operations, r.Operations[i].Name)
		}
		p.Setup.Seed = 0
		if p.Setup.Scenario != nil { // from which these follow
			p.Setup.Rate, p.Setup.Course = 0, ""
		}
		p.Setup.Targets = slices.Clone(p.Setup.Targets)
		for i := range p.Setup.Targets {
			p.Setup.Targets[i].Address = ""
		}
		into := map[string]string{}
		flatten(p, into)
		return into
	}
	left, right := flat(a), flat(b)
	keys := map[string]bool{}
	for _, m := range []map[string]string{left, right} {
		for k := range m {
			keys[k] = true
		}
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if left[k] != right[k] {
			list = append(list, fmt.Sprintf("%s: %s, %s", k, shown(left[k]), shown(right[k])))
		}
	}
	return list
}

// shown is a value as it fits a line.
func shown(s string) string {
	const most = 60
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return cmp.Or(s, "none")
}

// flatten lists the values of an object by the way to them.
func flatten(object any, into map[string]string) {
	text, err := json.Marshal(object)
	if err != nil {
		panic(err) // it has plain fields only
	}
	var tree any
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		panic(err) // it was written just now
	}
	var walk func(at string, node any)
	walk = func(at string, node any) {
		switch node := node.(type) {
		case map[string]any:
			for k, v := range node {
				walk(strings.TrimPrefix(at+"."+k, "."), v)
			}
		case []any:
			for i, v := range node {
				walk(fmt.Sprintf("%s[%d]", at, i), v)
			}
		default:
			into[at] = fmt.Sprint(node)
		}
	}
	walk("", tree)
}
