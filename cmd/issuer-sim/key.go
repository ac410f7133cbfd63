package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"switchyard/internal/infile"
	"switchyard/internal/outfile"
	"switchyard/internal/pan"
)

// ensureKey makes the key file of a data folder where there is none, whole, so that a crash leaves no empty one, which
// would keep the folder shut. A key that others may read is refused, since the server itself looks at no permissions.
func ensureKey(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	name := filepath.Join(dir, "key")
	if _, err := infile.ReadSecret(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	return outfile.Replace(name, []byte(text))
}
