package infile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"switchyard/internal/infile"
)

// What is no file is refused, names itself, and nobody waits for a FIFO's other side.
func TestWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(at("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for name, want := range map[string]string{
		dir: "is a directory, expected a file", "/dev/zero": "is a device", at("none"): "no such file",
		at("socket"): "no such device", at("fifo"): "is a FIFO, expected a regular file",
	} {
		if f, err := infile.Open(name); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), name) {
			t.Errorf("Open(%s) = %v, %v; want %s", name, f, err, want)
		}
		want = strings.Replace(want, "FIFO, expected a regular file", "FIFO, and nothing came through it", 1)
		if text, err := infile.Read(name, 10); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), name) {
			t.Errorf("Read(%s) = %q, %v; want %s", name, text, err, want)
		}
	}
	if _, err := infile.Read(at("none"), 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// A file is read up to the bound, a pipe like one.
func TestRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := infile.Read(name, 10); err != nil || string(text) != "0123456789" {
		t.Errorf("Read() = %q, %v", text, err)
	}
	if text, err := infile.Read(name, 9); err == nil || err.Error() != name+": is longer than 9 bytes" {
		t.Errorf("of 9 bytes: Read() = %q, %v", text, err)
	}
	r, w, err := os.Pipe() // as a shell's <(…) is one
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
	if text, err := infile.Read(fmt.Sprintf("/dev/fd/%d", r.Fd()), 100); err != nil || string(text) != "from a pipe" {
		t.Errorf("of a pipe: %q, %v", text, err)
	}
}

// A certificate that is none names its file.
func TestKeyPair(t *testing.T) {
	name := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(name, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := infile.KeyPair(name, name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("KeyPair() = %v", err)
	}
	if _, err := infile.KeyPair("/dev/zero", name); err == nil || !strings.Contains(err.Error(), "is a device") {
		t.Errorf("KeyPair() = %v", err)
	}
}

// brings is an input that waits until it is told to bring a byte. It says when it is waited for.
type brings struct{ waited, bring chan struct{} }

// Read implements io.Reader.
func (b *brings) Read(into []byte) (int, error) {
	close(b.waited)
	<-b.bring
	into[0] = 'x'
	return 1, nil
}

// An input is read as it is, and one that waits is not waited for any more when the context ends: what it brings then
// is nobody's.
func TestInput(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789"), 1000)
	for name, in := range map[string]io.Reader{
		"whole": bytes.NewReader(text), "by the byte": iotest.OneByteReader(bytes.NewReader(text)),
		"end with the last bytes": iotest.DataErrReader(bytes.NewReader(text)),
	} {
		if got, err := io.ReadAll(infile.Input(t.Context(), in)); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if _, err := io.ReadAll(infile.Input(t.Context(), iotest.ErrReader(fs.ErrClosed))); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("an input that fails: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	from := &brings{make(chan struct{}), make(chan struct{})}
	in, into := infile.Input(ctx, from), make([]byte, 1)
	waited := from.waited
	go func() {
		<-waited
		cancel()
	}()
	n, err := in.Read(into)
	if n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("a reading that waits: %d, %v", n, err)
	}
	close(from.bring)
	if n, err := in.Read(into); n != 0 || !errors.Is(err, context.Canceled) || into[0] != 0 {
		t.Errorf("the next one: %d, %v, %q", n, err, into)
	}
}
