package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// version is that of the module as the toolchain stamps it: v1.2.3 at a tag, else made of the commit, such as
// v0.0.0-20261127225106-0102330abcde.
type version string

// ofPackage is the version as dpkg and rpm compare it. What comes before a release, as a commit does, sorts before it:
// 0.0.0~20261127225106.0102330abcde.
func (v version) ofPackage() string {
	number, rest, before := strings.Cut(strings.TrimPrefix(string(v), "v"), "-")
	if !before {
		return number
	}
	return number + "~" + strings.ReplaceAll(rest, "-", ".")
}

func (v version) String() string { return v.ofPackage() }

// clone takes the commit of the checkout to a folder of its own, and its time. The toolchain stamps nothing in a work
// tree that is linked to another's repository; a clone is always whole.
func (r *release) clone() error {
	text, err := output(exec.Command("git", "log", "-1", "--format=%H %ct"))
	if err != nil {
		return fmt.Errorf("expected a checkout, whose commit is stamped into the binaries: %w", err)
	}
	commit, at, _ := strings.Cut(strings.TrimSpace(text), " ")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return err
	}
	r.at = time.Unix(seconds, 0).UTC()
	changed, err := output(exec.Command("git", "status", "--porcelain"))
	if err != nil {
		return err
	}
	if changed != "" {
		fmt.Fprintln(r.log, "dist: changes that are not committed are left out")
	}
	if _, err := output(exec.Command("git", "clone", "--quiet", "--no-checkout", ".", r.source)); err != nil {
		return err
	}
	_, err = output(r.command("git", "checkout", "--quiet", "--detach", commit))
	return err
}

// build makes the binaries of an architecture. What a user's environment says about builds is passed over.
func (r *release) build(arch string) error {
	c := r.command("go", "build", "-trimpath", "-buildvcs=true", "-mod=readonly", "-ldflags=-s -w", "-o",
		r.staged(arch)+string(filepath.Separator))
	for _, name := range programs {
		c.Args = append(c.Args, "./cmd/"+name)
	}
	c.Env = append(c.Env, "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0", "CGO_ENABLED=0", "GOFLAGS=",
		"GOEXPERIMENT=", "GOFIPS140=off", "GOWORK=off")
	if _, err := output(c); err != nil {
		return err
	}
	for _, name := range programs {
		info, err := r.info(arch, name)
		if err != nil {
			return err
		}
		if v := info.Main.Version; v == "" || v == "(devel)" {
			return fmt.Errorf("%s has no version in it: the toolchain stamped none", name)
		}
		r.version = version(info.Main.Version)
	}
	return nil
}

// info is what is stamped into a binary.
func (r *release) info(arch, program string) (*debug.BuildInfo, error) {
	return buildinfo.ReadFile(filepath.Join(r.staged(arch), program))
}

// command is one that runs in the clone.
func (r *release) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir, c.Env = r.source, os.Environ()
	return c
}

// tool is a command of the modules of dist.mod.
func (r *release) tool(name string, args ...string) *exec.Cmd {
	c := r.command("go", append([]string{"tool", "-modfile=dist.mod", name}, args...)...)
	c.Env = append(c.Env, "CGO_ENABLED=0", "GOWORK=off")
	return c
}

// output runs a command and returns what it prints. Where it fails the error has what it said.
func output(c *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(c.Args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}
