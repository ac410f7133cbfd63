package infile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/internal/infile"
)

// A secret that others may read or write is refused, whatever else its mode says, with the command that mends it.
func TestReadSecret(t *testing.T) {
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		root := name + " of root's"
		if err := os.WriteFile(root, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		for mode, read := range map[os.FileMode]bool{0o640: true, 0o660: false, 0o644: false} {
			if err := os.Chmod(root, mode); err != nil {
				t.Fatal(err)
			}
			if _, err := infile.ReadSecret(root); read != (err == nil) {
				t.Errorf("root's, %04o: %v", mode, err)
			}
		}
		const somebody = 12345
		if err := os.Chown(name, somebody, somebody); err != nil {
			t.Fatal(err)
		}
	}
	for mode, read := range map[os.FileMode]bool{
		0o400: true, 0o600: true, 0o700: true,
		0o604: false, 0o602: false, 0o640: false, 0o620: false, 0o644: false, 0o660: false, 0o666: false, 0o777: false,
	} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		text, err := infile.ReadSecret(name)
		switch want := fmt.Sprintf("its mode is %04o, so that others may read or write it; expected 0600: chmod 600 %s",
			mode, name); {
		case read && (err != nil || string(text) != "secret"):
			t.Errorf("%04o: %q, %v", mode, text, err)
		case !read && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%04o: %q, %v, want %q", mode, text, err, want)
		}
	}
}

// A shell's <(…) and a link to a file of its user alone are as good as that.
func TestReadSecretByOtherWays(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "token"), filepath.Join(dir, "link")
	if err := os.WriteFile(name, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(name, link); err != nil {
		t.Fatal(err)
	}
	if text, err := infile.ReadSecret(link); err != nil || string(text) != "secret" {
		t.Errorf("by a link: %q, %v", text, err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("from a pipe"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := infile.ReadSecret(fmt.Sprintf("/dev/fd/%d", r.Fd()))
	if err != nil || string(text) != "from a pipe" {
		t.Errorf("of a pipe: %q, %v", text, err)
	}
}

// The key of a certificate is a secret, and the certificate is not.
func TestKeyPairOfAKeyForAll(t *testing.T) {
	dir := t.TempDir()
	certificate, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for _, name := range []string{certificate, key} {
		if err := os.WriteFile(name, []byte("no PEM"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := infile.KeyPair(certificate, key); err == nil || !strings.Contains(err.Error(), "chmod 600 "+key) {
		t.Errorf("KeyPair() = %v", err)
	}
}

// A folder in which others may write is refused; of one into which they may look a warning says so.
func TestCheckFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if warning, err := infile.CheckFolder(dir); err != nil || warning != "" {
		t.Errorf("one that is not there: %q, %v", warning, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	const fine, warned, refused = "fine", "warned", "refused"
	for mode, want := range map[os.FileMode]string{
		0o700: fine, 0o750: fine, 0o755: warned, 0o701: warned, 0o770: refused, 0o702: refused, 0o777: refused,
	} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		warning, err := infile.CheckFolder(dir)
		is, said := fine, ""
		switch {
		case err != nil:
			is, said = refused, err.Error()
		case warning != "":
			is, said = warned, warning
		}
		if is != want || is != fine && !strings.Contains(said, fmt.Sprintf("its mode is %04o", mode)) ||
			is != fine && !strings.HasSuffix(said, "chmod 700 "+dir) {
			t.Errorf("%04o: %s (%s), want it %s", mode, is, said, want)
		}
	}
	if os.Geteuid() == 0 {
		const somebody = 12345
		volume := filepath.Join(dir, "volume")
		err := errors.Join(os.Mkdir(volume, 0o700), os.Chmod(volume, 0o777), os.Chown(volume, somebody, somebody))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := infile.CheckFolder(volume); err == nil || !strings.HasSuffix(err.Error(), "such as a new one in it") {
			t.Errorf("a volume that is another user's: %v", err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := infile.CheckFolder(file); err == nil || !strings.Contains(err.Error(), "expected a folder") {
		t.Errorf("a file: %v", err)
	}
}
