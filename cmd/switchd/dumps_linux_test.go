package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// In production, and where the configuration says so, the process is not dumped; package nodump holds that nothing else
// raises the limit again.
func TestDumpsAreRefused(t *testing.T) {
	most := func(process string) string {
		t.Helper()
		limits, err := os.ReadFile("/proc/" + process + "/limits")
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`(?m)^Max core file size .*`).FindString(string(limits))
		return strings.Join(strings.Fields(line), " ")
	}
	const none = "Max core file size 0 0 bytes"
	inherited := most("self")
	for config, want := range map[string]string{
		"clearing: {production: true}\n": none, "core_dumps: refuse\n": none, "core_dumps: allow\n": inherited,
	} {
		if got := most(strconv.Itoa(startDaemon(t, config).PID)); got != want {
			t.Errorf("%s: %s, want %s", strings.TrimSpace(config), got, want)
		}
	}
}
