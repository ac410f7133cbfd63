package docs_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// below lists what a folder's packages may import of ours; what is not listed here may import anything but cmd. A name
// with a slash at its end stands for all below it.
var below = map[string][]string{
	"spec":              {},
	"spec/framing":      {},
	"spec/guess":        {"spec"},
	"spec/mapping":      {"internal/mutant", "spec"},
	"internal/":         {"internal/"},
	"internal/config":   {},
	"internal/money":    {},
	"internal/mutant":   {},
	"internal/pan":      {"internal/mutant"},
	"internal/secret":   {},
	"internal/version":  {},
	"internal/words":    {},
	"internal/httpcall": {"internal/reach"},
	"internal/reach":    {},
	"internal/isotool":  {"internal/", "spec", "spec/"},
	"internal/loadgen":  {"internal/", "spec", "spec/framing", "spec/mapping", "switch/api", "switch/front/lines/wire"},
	// A driver of processes asks them, and knows nothing of what is in them.
	"internal/daemons": {"internal/httpcall", "internal/version", "switch/operator/client"},
	"switch/api":       {"internal/money", "internal/pan", "internal/mutant"},
	"switch/payment":   {"internal/mutant"},
	"switch/clearing":  {"internal/extsort", "internal/money", "internal/pan", "internal/mutant", "internal/words"},
	// What merchants are paid follows from files alone; computing knows no file.
	"switch/settlement":        {"internal/"},
	"switch/settlement/folder": {"internal/", "switch/clearing", "switch/settlement"},
	// What is matched comes in streams: it knows neither journal nor folder.
	"switch/matching": {"internal/", "switch/clearing"},
	"switch/casebook": {"internal/", "switch/clock", "switch/journal", "switch/matching"},
	// The auditor and the issuer decide by themselves: that is their worth.
	"switch/audit": {
		"internal/", "switch/clearing", "switch/front/lines/told", "switch/front/lines/wire", "switch/api", "spec",
	},
	"issuer-sim": {"internal/", "issuer-sim/", "spec", "spec/framing", "spec/guess", "spec/mapping"},
	// Within it arrows point down, too.
	"issuer-sim/server": {
		"internal/", "issuer-sim/book", "issuer-sim/clearing", "issuer-sim/message", "issuer-sim/rules", "spec",
		"spec/framing", "spec/guess", "spec/mapping",
	},
	"issuer-sim/log": {"internal/", "issuer-sim/book", "issuer-sim/message"},
	"issuer-sim/clearing": {
		"internal/", "issuer-sim/book", "issuer-sim/message", "issuer-sim/rules", "switch/clearing",
	},
	"issuer-sim/book":    {"internal/", "issuer-sim/message", "issuer-sim/rules"},
	"issuer-sim/rules":   {"internal/", "issuer-sim/message", "spec"},
	"issuer-sim/message": {"internal/", "spec"},
	// Doors translate: they know no flow and no journal.
	"switch/front":  {"internal/", "switch/api"},
	"switch/front/": {"internal/", "switch/api", "switch/front", "switch/front/"},
	// The way out knows nothing of who asks.
	"switch/issuer/": {
		"internal/", "spec", "spec/framing", "spec/guess", "spec/mapping", "switch/api", "switch/clock", "switch/issuer/",
		"switch/journal", "switch/merchant", "switch/payment", "switch/turn",
	},
	// The journal's contract knows no engine.
	"switch/journal":             {"internal/", "switch/clock", "switch/payment"},
	"switch/journal/journaltest": {"switch/journal", "switch/payment"},
	"switch/journal/memory":      {"switch/clock", "switch/journal", "switch/journal/record", "switch/payment"},
	"switch/journal/record":      {"switch/clock", "switch/journal", "switch/payment"},
	"switch/journal/pebble": {
		"internal/", "switch/clock", "switch/journal", "switch/journal/record", "switch/payment",
	},
	// What accepts operations and what closes days meet in presentment, and know nothing of each other.
	"switch/presentment": {"internal/", "switch/journal", "switch/merchant", "switch/payment"},
	"switch/flow": {
		"internal/", "spec", "switch/api", "switch/clearing", "switch/clock", "switch/issuer/", "switch/journal",
		"switch/merchant", "switch/payment", "switch/presentment", "switch/turn",
	},
	"switch/cutover": {
		"internal/", "switch/api", "switch/clearing", "switch/clock", "switch/journal", "switch/merchant", "switch/payment",
		"switch/presentment",
	},
	// It asks hosts, and knows neither who closed a date nor who asks.
	"switch/reconcile": {
		"internal/", "spec", "switch/clock", "switch/issuer/exchange", "switch/issuer/message", "switch/journal",
		"switch/payment",
	},
	"switch/incoming": {
		"internal/", "switch/clearing", "switch/clock", "switch/cutover", "switch/issuer/", "switch/journal",
		"switch/payment", "switch/presentment",
	},
	"switch/merchant": {"internal/", "switch/api"},
	"switch/turn":     {"switch/payment"},
	"switch/clock":    {"internal/"},
}

// apart are packages that must not know each other, in their tests neither.
var apart = [][2]string{{"switch/flow", "switch/cutover"}}

// opens lists who may import an engine of the journal: what opens one.
var opens = []string{"switch", "cmd/", "bench/", "internal/loadgen/", "switch/sim", "switch/switchtest"}

// engine names the packages that may import what the one on disk is built on.
var engine = []string{"switch/journal/pebble", "internal/vfs", "internal/vfs/errorfs", "bench", "bench/ceiling"}

// The arrows between packages point down.
func TestArrows(t *testing.T) {
	list := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "switchyard/"
	packages := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; packages++ {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, path := range p.Imports {
			imported, ours := strings.CutPrefix(path, module)
			switch {
			case ours && !allowed(name, imported),
				imported == "switch/journal/pebble" && !oneOf(name, opens), imported == "switch/journal/memory",
				strings.HasPrefix(path, "github.com/cockroachdb/pebble/") && !oneOf(name, engine):
				t.Errorf("%s imports %s", name, imported)
			}
		}
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			other := strings.TrimPrefix(path, module)
			if slices.Contains(apart, [2]string{name, other}) || slices.Contains(apart, [2]string{other, name}) {
				t.Errorf("%s knows %s", name, other)
			}
		}
	}
	if least := 30; packages < least {
		t.Errorf("only %d packages were found", packages)
	}
}

// drivers run the daemons of this machine. Commands and tools share them; nothing that they drive knows of them.
var drivers = []string{
	"internal/crash", "internal/daemons", "internal/demo", "internal/localday", "internal/loadgen", "internal/loadgen/",
}

// driving tells whether a package may know the drivers.
func driving(name string) bool {
	return strings.HasPrefix(name, "cmd/") || name == "bench" || slices.ContainsFunc(drivers, func(d string) bool {
		return within(name, d)
	})
}

// speaks tells whether a package below internal may know more than what is internal: those that drive the switch, ask
// it or read its messages and files.
func speaks(name string) bool {
	return driving(name) || name == "internal/operatorflags" || name == "internal/isotool" || name == "internal/ipmtool"
}

func allowed(name, imported string) bool {
	if strings.HasPrefix(imported, "cmd/") {
		return false
	}
	for _, d := range drivers {
		if within(imported, d) && !driving(name) {
			return false
		}
	}
	for folder, may := range below {
		if !within(name, folder) || folder == "internal/" && speaks(name) {
			continue
		}
		if !oneOf(imported, may) {
			return false
		}
	}
	return true
}

func oneOf(name string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return within(name, folder) })
}

// within tells whether a package is what a name of below stands for.
func within(name, folder string) bool {
	if strings.HasSuffix(folder, "/") {
		return strings.HasPrefix(name, folder)
	}
	return name == folder
}
