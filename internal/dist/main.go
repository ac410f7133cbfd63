// Dist makes what is handed out: static binaries for linux, archives, .deb and .rpm packages, a bill of materials for
// each binary (CycloneDX), the licences of what is linked in, and the sums of all of it.
//
//	go run ./internal/dist                             everything, into dist
//	go run ./internal/dist -arch amd64 -out /tmp/dist  for one architecture, elsewhere
//
// It is run in the top folder of a checkout, and makes what is committed there, from a clone of its own: changes that
// are not committed are left out. The commit, or its tag, is stamped into all of it. The same commit, built by the same
// Go, gives the same bytes on any machine, in any folder, at any time (TestTwice): times are the commit's, owners and
// modes are written out, and nothing that a user's environment says reaches the compiler. It signs nothing: who
// publishes SHA256SUMS signs that.
//
//	main.go      what is made, in which order
//	build.go     the binaries, and how commands are run
//	archive.go   the archives, and the sums
//	notices.go   the licences of what is linked in
//	pages.go     what the binaries say of themselves: manual pages, and what shells complete
//	bill.go      the bills of materials
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// programs are the binaries, each the package of its name in cmd.
var programs = []string{"issuer-sim", "switchctl", "switchd"}

// packages are the names of nFPM's configurations in configs/packages.
var packages = []string{"switchyard", "switchyard-issuer-sim"}

// release is what everything of one run has in common.
type release struct {
	source     string // the clone
	out        string // folder, absolute
	maintainer string
	version    version
	at         time.Time // of the commit
	log        io.Writer
}

func main() {
	out := flag.String("out", "dist", "folder that is filled; what is in it is removed first")
	arch := flag.String("arch", "amd64,arm64", "architectures, with commas")
	maintainer := flag.String("maintainer", "Switchyard maintainers <maintainers@switchyard.invalid>",
		"whom the packages name")
	flag.Parse()
	if err := run(*out, *maintainer, strings.Split(*arch, ","), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run(out, maintainer string, architectures []string, log io.Writer) error {
	if _, err := os.Stat(filepath.Join("cmd", "switchd")); err != nil {
		return errors.New("expected to run in the top folder of Switchyard")
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	if err := empty(out); err != nil {
		return err
	}
	source, err := os.MkdirTemp("", "switchyard-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(source)
	r := &release{source: source, out: out, maintainer: maintainer, log: log}
	if err := r.clone(); err != nil {
		return err
	}
	if err := r.all(architectures); err != nil {
		return err
	}
	names, err := writeSums(out)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "dist: %s: %d files of version %s, and their SHA256SUMS\n", out, len(names), r.version)
	return nil
}

func (r *release) all(architectures []string) error {
	for _, arch := range architectures {
		fmt.Fprintf(r.log, "dist: the binaries for linux %s\n", arch)
		if err := r.build(arch); err != nil {
			return err
		}
	}
	// What is linked in can differ by architecture; the licences are those of all.
	if err := r.notices(architectures); err != nil {
		return err
	}
	if err := r.pages(); err != nil {
		return err
	}
	for _, arch := range architectures {
		fmt.Fprintf(r.log, "dist: bills, archive and packages for linux %s\n", arch)
		for _, step := range []func(string) error{r.bills, r.archive, r.pack} {
			if err := step(arch); err != nil {
				return err
			}
		}
	}
	return nil
}

// marker says of a folder that it was filled by us, so that it may be emptied.
const marker = "SHA256SUMS"

// empty makes a folder, or removes what an earlier run left there. A folder with anything else is left alone.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	ours := slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return e.Name() == marker || strings.HasPrefix(e.Name(), "linux_")
	})
	if len(entries) > 0 && !ours {
		return fmt.Errorf("%s is not empty, and not filled by an earlier run", dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.MkdirAll(dir, 0o755)
}

// staged is the folder of an architecture's binaries, which the Dockerfile takes them from.
func (r *release) staged(arch string) string { return filepath.Join(r.out, "linux_"+arch) }

// pack makes the .deb and .rpm packages of an architecture.
func (r *release) pack(arch string) error {
	for _, name := range packages {
		for _, kind := range []string{"deb", "rpm"} {
			c := r.tool("nfpm", "package", "--config", filepath.Join("configs", "packages", name+".yaml"), "--packager", kind,
				"--target", r.out+string(filepath.Separator))
			c.Env = append(c.Env, "ARCH="+arch, "VERSION="+r.version.ofPackage(), "MAINTAINER="+r.maintainer,
				"STAGED="+r.staged(arch), "DIST="+r.out, fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.at.Unix()))
			if _, err := output(c); err != nil {
				return err
			}
		}
	}
	return nil
}
