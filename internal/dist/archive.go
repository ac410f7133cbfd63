package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// entry is a file of an archive.
type entry struct {
	name string // in the archive
	file string // on disk
	mode int64
}

// archive writes an architecture's archive: the binaries, and of the repository what somebody reads or adapts who has
// nothing else.
func (r *release) archive(arch string) error {
	top := fmt.Sprintf("switchyard-%s-linux-%s", r.version, arch)
	var entries []entry
	for _, name := range programs {
		entries = append(entries, entry{path.Join(top, "bin", name), filepath.Join(r.staged(arch), name), 0o755})
	}
	entries = append(entries, entry{path.Join(top, noticesFile), filepath.Join(r.out, noticesFile), 0o644})
	for _, dir := range []string{manFolder, bashFolder} {
		err := fs.WalkDir(os.DirFS(r.out), dir, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				entries = append(entries, entry{path.Join(top, name), filepath.Join(r.out, name), 0o644})
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	listed, err := output(r.command("git", "ls-files", "-z", "LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md",
		"configs", "docs"))
	if err != nil {
		return err
	}
	for _, name := range strings.Split(strings.TrimSuffix(listed, "\x00"), "\x00") {
		if strings.HasSuffix(name, ".go") {
			continue
		}
		mode := int64(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		entries = append(entries, entry{path.Join(top, name), filepath.Join(r.source, name), mode})
	}
	f, err := os.Create(filepath.Join(r.out, strings.Replace(top, "-", "_", 1)+".tar.gz"))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := writeArchive(f, entries, r.at); err != nil {
		return err
	}
	return f.Close()
}

// writeArchive writes a tar.gz that depends on nothing but what is said here and in the files: no owner, no other time
// than at, and entries in the order of their names.
func writeArchive(w io.Writer, entries []entry, at time.Time) error {
	entries = slices.SortedFunc(slices.Values(entries), func(a, b entry) int { return strings.Compare(a.name, b.name) })
	zipped, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zipped)
	folders := map[string]bool{".": true}
	for _, e := range entries {
		if err := writeFolders(archive, path.Dir(e.name), at, folders); err != nil {
			return err
		}
		text, err := os.ReadFile(e.file)
		if err != nil {
			return err
		}
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(text)), Mode: e.mode, ModTime: at, Format: tar.FormatUSTAR,
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(text); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return zipped.Close()
}

// writeFolders writes a folder, and those above it, unless that was done.
func writeFolders(archive *tar.Writer, name string, at time.Time, done map[string]bool) error {
	if done[name] {
		return nil
	}
	done[name] = true
	if err := writeFolders(archive, path.Dir(name), at, done); err != nil {
		return err
	}
	return archive.WriteHeader(&tar.Header{
		Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: at, Format: tar.FormatUSTAR,
	})
}

// writeSums writes SHA256SUMS as sha256sum reads it, of each file of a folder but not of those in folders below, which
// are in the archives, and returns the names.
func writeSums(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir) // by name
	if err != nil {
		return nil, err
	}
	var sums bytes.Buffer
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		names = append(names, e.Name())
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(text), e.Name())
	}
	return names, os.WriteFile(filepath.Join(dir, marker), sums.Bytes(), 0o644)
}
