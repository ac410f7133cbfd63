package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// The folders of what the binaries say of themselves.
const (
	manFolder  = "man"
	bashFolder = "bash-completion"
)

// pages has each binary write its manual pages, and what bash completes. Both are the same for all architectures.
func (r *release) pages() error {
	if err := os.MkdirAll(filepath.Join(r.out, bashFolder), 0o755); err != nil {
		return err
	}
	for _, name := range programs {
		args := []string{"man", filepath.Join(r.out, manFolder)}
		example := filepath.Join("configs", name+".yaml")
		if _, err := os.Stat(filepath.Join(r.source, example)); err == nil {
			args = append(args, "--example", example)
		}
		if _, err := output(r.ours(name, args...)); err != nil {
			return err
		}
		completion, err := output(r.ours(name, "completion", "bash"))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(r.out, bashFolder, name), []byte(completion), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// ours is a program of this release, run on this machine: its binary where one for it was built.
func (r *release) ours(name string, args ...string) *exec.Cmd {
	c := r.command("go", append([]string{"run", "./cmd/" + name}, args...)...)
	binary := filepath.Join(r.staged(runtime.GOARCH), name)
	if _, err := os.Stat(binary); err == nil && runtime.GOOS == "linux" {
		c = r.command(binary, args...)
	}
	c.Env = append(c.Env, fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.at.Unix()))
	return c
}
