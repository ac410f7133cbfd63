package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"switchyard/internal/daemons"
)

// fence is what stands between two lines of three backquotes.
type fence struct{ language, text string }

func fences(page string) (all []fence) {
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		all = append(all, fence{m[1], m[2]})
	}
	return all
}

// The two lines of connect.md that start daemons, which are started on free ports in their place.
const connectStarts = `issuer-sim serve 2> issuer-sim.log &
switchd serve --config switchd.yaml 2> switchd.log &
`

// connection is a walk through connect.md.
type connection struct {
	work, bin, repository string
	local                 *daemons.Local // once it is started
}

// TestConnect does what connect.md says, command by command, and holds what they print against what stands there. What
// needs an interpreter that is not on this machine is left out.
func TestConnect(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the binaries")
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl")
	}
	repository, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	c := &connection{work: t.TempDir(), bin: t.TempDir(), repository: repository}
	build := exec.Command("go", "build", "-o", c.bin+string(filepath.Separator),
		"switchyard/cmd/switchd", "switchyard/cmd/issuer-sim", "switchyard/cmd/switchctl")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	commands, printed, leftOut := 0, "", false
	for _, f := range fences(read(t, "connect.md")) {
		switch f.language {
		case "sh":
			commands++
			if leftOut = needsMissing(f.text); leftOut {
				t.Logf("left out: %s", f.text)
				continue
			}
			printed = c.do(t, f.text)
			if strings.Contains(f.text, "/docs/clients/") {
				c.again(t, f.text, printed)
			}
		case "go":
			if err := os.WriteFile(filepath.Join(c.work, "main.go"), []byte(f.text), 0o600); err != nil {
				t.Fatal(err)
			}
		case "text":
			if !leftOut {
				holds(t, f.text, printed)
			}
		default:
			t.Errorf("connect.md has a fence of %q", f.language)
		}
	}
	if least := 9; commands < least {
		t.Errorf("only %d blocks of commands found in connect.md", commands)
	}
}

// interpreters are what some commands begin with, with how one says that it is there, and new enough for the clients.
var interpreters = map[string][]string{
	"python3": {"-c", "import sys; sys.exit(sys.version_info < (3, 9))"},
	"node":    {"-e", "require('node:util').parseArgs({ args: [] })"},
}

// needsMissing tells whether commands begin with an interpreter that is not on this machine.
func needsMissing(commands string) bool {
	name, _, _ := strings.Cut(commands, " ")
	check, is := interpreters[name]
	return is && exec.Command(name, check...).Run() != nil
}

// do runs commands and returns what they print. Each block has a shell of its own, with what the first one sets.
func (c *connection) do(t *testing.T, commands string) (printed string) {
	t.Helper()
	if strings.Contains(commands, " &\n") {
		c.start(t, commands)
		return ""
	}
	places := []string{"../switchyard", c.repository}
	if c.local != nil {
		places = append(places, daemons.DefaultGateway, c.local.Switchd.At.Gateway)
	}
	shell := exec.Command("sh", "-e", "-c", "umask 077\n"+strings.NewReplacer(places...).Replace(commands))
	shell.Dir = c.work
	shell.Env = append(os.Environ(), "PATH="+c.bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	var stdout, stderr strings.Builder
	shell.Stdout, shell.Stderr = &stdout, &stderr
	if err := shell.Run(); err != nil {
		t.Fatalf("%s\n%v\n%s%s", commands, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

func (c *connection) start(t *testing.T, commands string) {
	t.Helper()
	if commands != connectStarts || c.local != nil {
		t.Fatalf("connect.md starts\n%s\nexpected, once,\n%s", commands, connectStarts)
	}
	local, err := daemons.StartLocal(t.Context(), daemons.Options{
		Bin: c.bin, Dir: c.work, Config: filepath.Join(c.work, "switchd.yaml"), Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.local = local
	t.Cleanup(func() {
		if err := local.Stop(); err != nil {
			t.Error(err)
			local.Kill()
		}
	})
}

// again runs a client a second time: it finds what it has done, and makes no other payment.
func (c *connection) again(t *testing.T, commands, printed string) {
	t.Helper()
	payments := func(printed string) (ids []string) {
		for line := range strings.Lines(printed) {
			id, _, _ := strings.Cut(line, " ")
			ids = append(ids, id)
		}
		return ids
	}
	if second := c.do(t, commands); !slices.Equal(payments(second), payments(printed)) {
		t.Errorf("%s\nprints %s\nand the second time %s", commands, printed, second)
	}
}

// holds finds each line of a text among those printed; … stands for anything.
func holds(t *testing.T, text, printed string) {
	t.Helper()
	for line := range strings.Lines(text) {
		quoted := regexp.QuoteMeta(strings.TrimSuffix(line, "\n"))
		if !regexp.MustCompile("(?m)^" + strings.ReplaceAll(quoted, "…", ".*") + "$").MatchString(printed) {
			t.Errorf("connect.md says that this is printed: %s\nPrinted is\n%s", line, printed)
		}
	}
}

// A client that is to be read before it is used is short.
func TestClientsAreShort(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("clients", "*"))
	if err != nil || len(names) < 2 {
		t.Fatalf("clients: %v, %v", names, err)
	}
	for _, name := range names {
		if lines, most := strings.Count(read(t, name), "\n"), 99; lines > most {
			t.Errorf("%s has %d lines, want at most %d", name, lines, most)
		}
	}
}
