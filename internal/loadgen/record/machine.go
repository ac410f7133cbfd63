package record

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"switchyard/internal/version"
)

// ThisTool is this binary.
func ThisTool() Tool { return Tool{Version: version.String(), Go: runtime.Version()} }

// ThisMachine is the one that this runs on.
func ThisMachine() Machine {
	return Machine{
		CPU: lineOfProc("/proc/cpuinfo", "model name", ":"), Cores: runtime.GOMAXPROCS(0), OS: runtime.GOOS,
		Arch: runtime.GOARCH, Kernel: firstLine("/proc/sys/kernel/osrelease"), MemoryMiB: memoryMiB(),
	}
}

// lineOfProc is what stands behind a word in a file of the system; "" where there is none.
func lineOfProc(file, word, separator string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, separator); ok && strings.TrimSpace(name) == word {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func firstLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

func memoryMiB() int64 {
	kib, err := strconv.ParseInt(strings.TrimSuffix(lineOfProc("/proc/meminfo", "MemTotal", ":"), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return kib / 1024
}
