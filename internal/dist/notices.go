package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// noticesFile holds the licences of what is linked into the binaries, which ask to be handed on with them.
const noticesFile = "NOTICES"

var licenceNames = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying|notice|patents)([.-].*)?$`)

// linked is something in a binary that is not ours.
type linked struct{ name, dir string }

// notices writes the licence texts of Go, of each module that some binary is made of, and of what is in the repository
// and came from elsewhere. A module without a licence text is an error: nothing says that it may be handed on.
func (r *release) notices(architectures []string) error {
	var infos []*debug.BuildInfo
	for _, arch := range architectures {
		for _, name := range programs {
			info, err := r.info(arch, name)
			if err != nil {
				return err
			}
			infos = append(infos, info)
		}
	}
	all, err := r.modules(infos)
	if err != nil {
		return err
	}
	root, err := output(r.command("go", "env", "GOROOT"))
	if err != nil {
		return err
	}
	all = append([]linked{{infos[0].GoVersion + " (the Go standard library)", strings.TrimSpace(root)}}, all...)
	all = append(all, linked{"uPlot, in the reports of switchctl load", filepath.Join(
		r.source, "internal", "loadgen", "report", "uplot")})
	text := bytes.NewBufferString("Switchyard itself is under the Apache License, Version 2.0: see LICENSE. " +
		"Its binaries also hold what follows.\n")
	for _, l := range all {
		if err := writeLicences(text, l); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(r.out, noticesFile), text.Bytes(), 0o644)
}

// modules are those that binaries were made of, by name, each with the folder of its source.
func (r *release) modules(infos []*debug.BuildInfo) (all []linked, err error) {
	dirs := map[string]string{}
	for _, info := range infos {
		for _, m := range info.Deps {
			dirs[m.Path+" "+m.Version] = ""
		}
	}
	listed, err := output(r.command("go", "list", "-m", "-f", "{{.Path}} {{.Version}}\t{{.Dir}}", "all"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(listed) {
		name, dir, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if _, is := dirs[name]; is {
			dirs[name] = dir
		}
	}
	for _, name := range slices.Sorted(maps.Keys(dirs)) {
		if dirs[name] == "" {
			return nil, fmt.Errorf("%s is in a binary, and its source is not on this machine", name)
		}
		all = append(all, linked{name, dirs[name]})
	}
	return all, nil
}

func writeLicences(text *bytes.Buffer, l linked) error {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		if !e.Type().IsRegular() || !licenceNames.MatchString(e.Name()) {
			continue
		}
		found = true
		licence, err := os.ReadFile(filepath.Join(l.dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(text, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("=", 80), l.name, e.Name(), bytes.TrimSpace(licence))
	}
	if !found {
		return fmt.Errorf("%s has no licence text in %s: nothing says that it may be handed on", l.name, l.dir)
	}
	return nil
}
