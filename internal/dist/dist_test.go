package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var twice = flag.Bool("dist.twice", false, "build everything for this architecture twice (make dist-twice)")

// at is a commit's time.
var at = time.Date(2026, 11, 27, 22, 51, 6, 0, time.UTC)

// dpkg and rpm sort what comes before a release, as each commit does, before it.
func TestVersionOfPackage(t *testing.T) {
	for stamped, want := range map[version]string{
		"v1.2.3":                              "1.2.3",
		"v1.3.0-rc.1":                         "1.3.0~rc.1",
		"v0.0.0-20261127225106-0102330abcde":  "0.0.0~20261127225106.0102330abcde",
		"v1.2.4-0.20261127225106-010230abcde": "1.2.4~0.20261127225106.010230abcde",
	} {
		if got := stamped.ofPackage(); got != want {
			t.Errorf("%s: %s, want %s", stamped, got, want)
		}
	}
}

// An archive depends on the files' names, modes and texts as they are listed, not on the folder that they came from.
func TestArchiveDependsOnItsFilesAlone(t *testing.T) {
	write := func(order []string, mode os.FileMode, age time.Duration) []byte {
		dir := t.TempDir()
		var entries []entry
		for _, name := range order {
			file := filepath.Join(dir, name)
			if err := os.WriteFile(file, []byte("of "+name), mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(file, at.Add(age), at.Add(age)); err != nil {
				t.Fatal(err)
			}
			entries = append(entries, entry{"top/" + name + "/file", file, 0o644})
		}
		var archive bytes.Buffer
		if err := writeArchive(&archive, entries, at); err != nil {
			t.Fatal(err)
		}
		return archive.Bytes()
	}
	first := write([]string{"a", "b"}, 0o644, 0)
	if second := write([]string{"b", "a"}, 0o600, time.Hour); !bytes.Equal(first, second) {
		t.Error("the same files in another folder, of other modes and times, make another archive")
	}
	var got []string
	for _, h := range headers(t, first) {
		got = append(got, fmt.Sprintf("%s %o %d:%d %s", h.Name, h.Mode, h.Uid, h.Gid, h.ModTime.UTC().Format(time.RFC3339)))
	}
	want := []string{
		"top/ 755 0:0 2026-11-27T22:51:06Z", "top/a/ 755 0:0 2026-11-27T22:51:06Z",
		"top/a/file 644 0:0 2026-11-27T22:51:06Z", "top/b/ 755 0:0 2026-11-27T22:51:06Z",
		"top/b/file 644 0:0 2026-11-27T22:51:06Z",
	}
	if !slices.Equal(got, want) {
		t.Errorf("it holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// headers are those of a tar.gz.
func headers(t *testing.T, archive []byte) (all []*tar.Header) {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h)
	}
}

// What differs from one making of a bill to the next is gone, and it still has a number and a time.
func TestBillIsSettled(t *testing.T) {
	bill := func(hash string, binary byte) string {
		text, err := settleBill([]byte(`{"bomFormat":"CycloneDX","metadata":{"tools":[{"name":"t","hashes":["`+hash+`"]}]}}`),
			at, [sha256.Size]byte{binary})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := bill("one", 1)
	if second := bill("other", 1); second != first {
		t.Errorf("a tool that was built otherwise makes another bill:\n%s\n%s", first, second)
	}
	for _, want := range []string{
		`"timestamp": "2026-11-27T22:51:06Z"`, `"serialNumber": "urn:uuid:01000000-0000-8000-8000-000000000000"`,
	} {
		if !strings.Contains(first, want) {
			t.Errorf("it lacks %s:\n%s", want, first)
		}
	}
	if bill("one", 2) == first {
		t.Error("another binary's bill has the same number")
	}
}

func TestLicences(t *testing.T) {
	dir := t.TempDir()
	var text bytes.Buffer
	if err := writeLicences(&text, linked{"example.org/m v1.0.0", dir}); err == nil {
		t.Error("a module without a licence text passes")
	}
	for _, name := range []string{"UNLICENSE", "LICENSE.md", "COPYING", "NOTICE.txt", "licenses.go"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("text of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeLicences(&text, linked{"example.org/m v1.0.0", dir}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"UNLICENSE": true, "LICENSE.md": true, "COPYING": true, "NOTICE.txt": true, "licenses.go": false,
	} {
		if got := strings.Contains(text.String(), "text of "+name+"\n"); got != want {
			t.Errorf("holds %s: %v, want %v", name, got, want)
		}
	}
}

// A folder is emptied only where an earlier run has filled it.
func TestForeignFolderIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "thesis")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := empty(dir); err == nil {
		t.Error("a folder with other files is taken")
	}
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	if _, err := writeSums(dir); err != nil {
		t.Fatal(err)
	}
	if err := empty(dir); err != nil {
		t.Errorf("a folder that an earlier run has filled: %v", err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", file, err)
	}
}

// TestTwice makes everything for this architecture, and again from another clone, in another folder, with another
// umask, time zone and environment: the same bytes. What is in a package is looked at.
func TestTwice(t *testing.T) {
	if !*twice {
		t.Skip("it takes minutes: make dist-twice")
	}
	t.Chdir(filepath.Join("..", ".."))
	folders := []string{filepath.Join(t.TempDir(), "dist"), filepath.Join(t.TempDir(), "a-longer-name", "dist")}
	for i, out := range folders {
		if i == 1 {
			t.Setenv("TZ", "Asia/Tokyo")
			t.Setenv("GOFLAGS", "-tags=mutants")
			t.Setenv("GOAMD64", "v2")
			t.Setenv("LANG", "de_DE.UTF-8")
			defer syscall.Umask(syscall.Umask(0o077))
		}
		if err := run(out, "Somebody <somebody@example.org>", []string{runtime.GOARCH}, os.Stdout); err != nil {
			t.Fatal(err)
		}
	}
	sums := [2]string{}
	for i, out := range folders {
		text, err := os.ReadFile(filepath.Join(out, marker))
		if err != nil {
			t.Fatal(err)
		}
		sums[i] = string(text)
	}
	if sums[0] != sums[1] {
		t.Errorf("two builds differ:\n%s\n%s", sums[0], sums[1])
	}
	if got, want := strings.Count(sums[0], "\n"), 1+len(programs)+1+2*len(packages); got != want {
		t.Errorf("%d files, want %d:\n%s", got, want, sums[0])
	}
	debs, err := filepath.Glob(filepath.Join(folders[0], "switchyard_*.deb"))
	if err != nil || len(debs) != 1 {
		t.Fatalf("packages: %v, %v", debs, err)
	}
	lookInto(t, debs[0])
}

// lookInto holds the .deb of switchyard to what it must have and must not have.
func lookInto(t *testing.T, deb string) {
	members := members(t, deb)
	got := map[string]string{}
	for _, h := range headers(t, members["data.tar.gz"]) {
		got[strings.TrimPrefix(h.Name, ".")] = fmt.Sprintf("%o %s:%s", h.Mode, h.Uname, h.Gname)
		if strings.HasSuffix(h.Name, ".key") || h.Mode&0o6022 != 0 {
			t.Errorf("%s holds %s with mode %o", deb, h.Name, h.Mode)
		}
	}
	for name, want := range map[string]string{
		"/usr/bin/switchd": "755 root:root", "/usr/bin/switchctl": "755 root:root",
		"/usr/lib/systemd/system/switchd.service": "644 root:root",
		"/etc/switchyard/":                        "750 root:switchyard",
		"/etc/switchyard/switchd.yaml":            "640 root:switchyard",
		"/var/lib/switchyard/":                    "700 switchyard:switchyard",
		"/usr/share/doc/switchyard/LICENSE":       "644 root:root",
		"/usr/share/doc/switchyard/NOTICES":       "644 root:root",
		"/usr/share/doc/switchyard/copyright":     "644 root:root",
		"/usr/share/man/man1/switchd.1":           "644 root:root",
		"/usr/share/man/man1/switchctl.1":         "644 root:root",
		"/usr/share/man/man5/switchd.yaml.5":      "644 root:root",

		"/usr/share/bash-completion/completions/switchctl": "644 root:root",
	} {
		if got[name] != want {
			t.Errorf("%s: %s is %q, want %q", deb, name, got[name], want)
		}
	}
	var control []string
	for _, h := range headers(t, members["control.tar.gz"]) {
		control = append(control, strings.TrimPrefix(h.Name, "./"))
	}
	for _, want := range []string{"conffiles", "control", "md5sums", "preinst", "postinst", "prerm", "postrm"} {
		if !slices.Contains(control, want) {
			t.Errorf("%s: there is no %s among %v", deb, want, control)
		}
	}
}

// members are the files of an ar archive, as a .deb is one.
func members(t *testing.T, name string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const magic, headerLen = "!<arch>\n", 60
	all := map[string][]byte{}
	for rest := bytes.TrimPrefix(text, []byte(magic)); len(rest) > headerLen; {
		var size int
		if _, err := fmt.Sscan(string(rest[48:58]), &size); err != nil {
			t.Fatal(err)
		}
		all[strings.TrimRight(string(rest[:16]), " /")] = rest[headerLen : headerLen+size]
		rest = rest[headerLen+size+size%2:]
	}
	return all
}
