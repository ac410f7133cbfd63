package main

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

	"switchyard/internal/pan"
)

// ensureKey makes the key file of a data folder where there is none, readable by its owner only: the server itself makes
// one through a file system that knows no permissions.
func ensureKey(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	text, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "key"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
