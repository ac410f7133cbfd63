package main

import (
	"crypto/rand"
	"os"
	"path/filepath"

	"switchyard/internal/outfile"
	"switchyard/internal/pan"
)

// ensureKey makes the key file of a data folder where there is none, readable by its owner only: the server itself
// makes one through a file system that knows no permissions.
func ensureKey(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	text, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, "key")
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	// Whole or not at all: a key file that a crash left empty would keep the folder shut.
	return outfile.Replace(name, []byte(text))
}
