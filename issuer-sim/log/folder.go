package log

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"switchyard/internal/pan"
	"switchyard/internal/vfs"
)

// openKey reads the key file, or makes one.
func openKey(fs vfs.FS, dir string, entropy io.Reader) (*pan.Keyring, error) {
	name := fs.PathJoin(dir, keyFile)
	f, err := fs.Open(name)
	if err != nil {
		text, err := pan.GenerateKey(entropy)
		if err != nil {
			return nil, err
		}
		if err := writeFile(fs, dir, name, text); err != nil {
			return nil, fmt.Errorf("issuersim: key file: %w", err)
		}
		return pan.ParseKeyring(text)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("issuersim: key file: %w", err)
	}
	return pan.ParseKeyring(string(text))
}

const maxKeyFile = 64 << 10

func writeFile(fs vfs.FS, dir, name, text string) error {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), syncDir(fs, dir))
}

// makeDir makes a folder, for its owner only, with those above it, and syncs what they stand in.
func makeDir(fs vfs.FS, dir string) error {
	parent := fs.PathDir(dir)
	if _, err := fs.Stat(dir); err == nil {
		// Who made it may not have synced it. A folder of others above may not be ours to open, and was there before.
		_ = syncDir(fs, parent)
		return nil
	}
	if parent != dir {
		if err := makeDir(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(fs, parent)
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// logFiles are the log's files in their order. One that is missing is an error.
func logFiles(fs vfs.FS, dir string) ([]string, error) {
	all, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("issuersim: data folder: %w", err)
	}
	there := map[string]bool{}
	for _, name := range all {
		if strings.HasPrefix(name, logPrefix) {
			there[name] = true
		}
	}
	var files []string
	for n := 1; len(files) < len(there); n++ {
		name := logName(n)
		if !there[name] {
			return nil, fmt.Errorf("issuersim: data folder %s: %s is missing among %d log files", dir, name, len(there))
		}
		files = append(files, name)
	}
	return files, nil
}

func logName(n int) string { return fmt.Sprintf("%s%06d", logPrefix, n) }
