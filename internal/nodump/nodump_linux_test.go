package nodump_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/internal/nodump"
)

// asChild makes the test's binary the process that is looked at.
const asChild = "NODUMP_CHILD"

func TestMain(m *testing.M) {
	if does := os.Getenv(asChild); does != "" {
		os.Exit(child(does))
	}
	os.Exit(m.Run())
}

// child refuses dumps or not, says how it stands, and ends by a signal that dumps cores.
func child(does string) int {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1 << 30, Max: 1 << 30}); err != nil {
		fmt.Println(err) // without privileges it stays where it is, which may be 0
	}
	if does == "refuse" {
		if err := nodump.Refuse(); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	limits, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("dumpable:", dumpable)
	fmt.Println(regexp.MustCompile(`Max core file size.*`).FindString(string(limits)))
	// With GOTRACEBACK=crash the runtime aborts.
	if err := syscall.Kill(os.Getpid(), syscall.SIGQUIT); err != nil {
		fmt.Println(err)
	}
	select {}
}

// A process that refuses dumps has none, not even where GOTRACEBACK=crash asks for one. Whether one that does not
// refuse has any is up to the machine.
func TestRefuse(t *testing.T) {
	run := func(does string) (out string, dumped bool) {
		t.Helper()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), asChild+"="+does, "GOTRACEBACK=crash")
		text, err := cmd.Output()
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if !ok || !status.Signaled() {
			t.Fatalf("%s: %v, expected a signal to end it: %s", does, err, text)
		}
		return string(text), status.CoreDump()
	}
	out, dumped := run("refuse")
	if dumped || !strings.Contains(out, "dumpable: 0\n") ||
		!regexp.MustCompile(`(?m)^Max core file size +0 +0 `).MatchString(out) {
		t.Errorf("dumped: %v; %s", dumped, out)
	}
	if out, dumped = run("allow"); !strings.Contains(out, "dumpable: 1\n") {
		t.Errorf("one that refuses nothing, dumped: %v; %s", dumped, out)
	}
	t.Logf("one that refuses nothing is dumped here: %v", dumped)
}
