package pebble

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/zap"

	"switchyard/internal/mutant"
)

// BackupManifest says what belongs to a copy of a journal. It is written last and synced, so a copy without one is not
// whole.
type BackupManifest struct {
	Format   int          `json:"format"` // 1
	Made     time.Time    `json:"made"`
	Journal  string       `json:"journal"`  // its identity, which copies share; hexadecimal
	Batch    uint64       `json:"batch"`    // number of the newest batch
	Position uint64       `json:"position"` // of the newest commit in the log
	Files    []BackupFile `json:"files"`
}

// BackupFile is a file of a copy.
type BackupFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // lower-case hexadecimal
}

// BackupManifestName is the manifest's name in the folder of the copy.
const BackupManifestName = "backup.json"

const (
	backupFormat = 1
	// lockFile is Pebble's, empty, in every folder that was opened.
	lockFile = "LOCK"
	// maxManifestBytes bounds what is read of a manifest: a hundred thousand files.
	maxManifestBytes = 16 << 20
)

// ErrNoManifest says that a copy has no manifest.
var ErrNoManifest = errors.New("journal: no " + BackupManifestName + ": the copy is not whole, or was " +
	"not made by a backup")

// Backup writes a consistent copy of the journal to a new folder, while it runs, with a manifest. It returns the
// position of the newest commit in it.
func (j *Journal) Backup(dir string) (position uint64, err error) {
	m := &BackupManifest{Format: backupFormat, Made: j.opts.Clock.Now()}
	if err := j.Checkpoint(dir); err != nil {
		return 0, err
	}
	if err := m.write(j.opts.FS, dir); err != nil {
		return 0, err
	}
	return m.Position, nil
}

// write takes down what a copy consists of and writes it into its folder.
func (m *BackupManifest) write(fsys vfs.FS, dir string) error {
	if err := m.read(fsys, dir); err != nil {
		return err
	}
	names, err := backupNames(fsys, dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := syncFile(fsys, fsys.PathJoin(dir, name)); err != nil {
			return fmt.Errorf("journal: backup: %w", err)
		}
		f, err := digestFile(fsys, dir, name)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := writeWhole(fsys, fsys.PathJoin(dir, BackupManifestName), append(text, '\n')); err != nil {
		return fmt.Errorf("journal: backup: %w", err)
	}
	return syncDir(fsys, fsys.PathDir(dir))
}

// read opens a copy and takes down where it ends.
func (m *BackupManifest) read(fsys vfs.FS, dir string) error {
	var failed error
	copied, err := Open(Options{
		FS: fsys, Dir: dir, ReadOnly: true, Logger: zap.NewNop(),
		Fatal: func(msg string, err error) { failed = fmt.Errorf("%s: %w", msg, err) },
	})
	if err != nil {
		return err
	}
	r, err := readSynced(copied.db)
	if v, e := copied.views.acquire(); e == nil {
		m.Position = v.position - 1
		v.release()
	}
	m.Journal, m.Batch = hex.EncodeToString(r.identity[:]), r.batch
	return errors.Join(err, failed, copied.Close())
}

// CheckBackup holds a copy against its manifest: each file is there with its size and hash, no other is, and the log
// ends where it did. ErrNoManifest if there is none.
func CheckBackup(fsys vfs.FS, dir string) (*BackupManifest, error) {
	m, err := readBackupManifest(fsys, dir)
	if err != nil {
		return nil, err
	}
	names, err := backupNames(fsys, dir)
	if err != nil {
		return nil, err
	}
	if mutant.On(mutant.BackupUnchecked) {
		return m, nil
	}
	for _, want := range m.Files {
		i := slices.Index(names, want.Name)
		if i < 0 {
			return nil, fmt.Errorf("journal: backup %s: %s is missing", dir, want.Name)
		}
		names = slices.Delete(names, i, i+1)
		have, err := digestFile(fsys, dir, want.Name)
		switch {
		case err != nil:
			return nil, err
		case have.Bytes != want.Bytes:
			return nil, fmt.Errorf("journal: backup %s: %s has %d bytes, expected %d", dir, want.Name, have.Bytes, want.Bytes)
		case have.SHA256 != want.SHA256:
			return nil, fmt.Errorf("journal: backup %s: %s has other bytes than when it was made", dir, want.Name)
		}
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("journal: backup %s: %s is not in its manifest", dir, names[0])
	}
	var is BackupManifest
	if err := is.read(fsys, dir); err != nil {
		return nil, err
	}
	if is.Journal != m.Journal || is.Batch != m.Batch || is.Position != m.Position {
		return nil, fmt.Errorf("journal: backup %s: it ends with commit %d in batch %d, expected %d in %d", dir,
			is.Position, is.Batch,
			m.Position, m.Batch)
	}
	return m, nil
}

func readBackupManifest(fsys vfs.FS, dir string) (*BackupManifest, error) {
	path := fsys.PathJoin(dir, BackupManifestName)
	f, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoManifest)
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxManifestBytes))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	m := &BackupManifest{}
	switch err := json.Unmarshal(text, m); {
	case err != nil:
		return nil, fmt.Errorf("journal: %s: %w", path, err)
	case m.Format != backupFormat:
		return nil, fmt.Errorf("journal: %s: format %d, expected %d", path, m.Format, backupFormat)
	case len(m.Files) == 0:
		return nil, fmt.Errorf("journal: %s: it names no files", path)
	}
	return m, nil
}

// HasMark tells whether a folder has the mark of a journal that this program wrote to, against which Open holds it.
func HasMark(fsys vfs.FS, dir string) bool {
	_, err := fsys.Stat(fsys.PathJoin(dir, insideMark))
	return err == nil
}

// NotCopied tells which files of a folder do not go with a journal that is copied: they are about the folder.
func NotCopied(name string) bool {
	return name == lockFile || name == BackupManifestName || name == insideMark
}

// backupNames lists the files of a copy that its manifest names, sorted.
func backupNames(fsys vfs.FS, dir string) ([]string, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: backup %s: %w", dir, err)
	}
	names = slices.DeleteFunc(names, NotCopied)
	slices.Sort(names)
	return names, nil
}

func digestFile(fsys vfs.FS, dir, name string) (BackupFile, error) {
	f, err := fsys.Open(fsys.PathJoin(dir, name))
	if err != nil {
		return BackupFile{}, fmt.Errorf("journal: backup: %w", err)
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return BackupFile{}, fmt.Errorf("journal: backup: %s: %w", name, err)
	}
	return BackupFile{Name: name, Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

func syncFile(fsys vfs.FS, path string) error {
	f, err := fsys.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// writeWhole writes a file that is whole or not there, synced.
func writeWhole(fsys vfs.FS, path string, text []byte) error {
	const temporary = ".tmp"
	f, err := fsys.Create(path+temporary, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(path+temporary, path); err != nil {
		return err
	}
	return syncDir(fsys, fsys.PathDir(path))
}
