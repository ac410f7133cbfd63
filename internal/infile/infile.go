// Package infile opens and reads the files that people name, on a command line or in a configuration.
//
// Whatever stands under a name, opening it waits for nobody and reading it takes bounded memory: a directory, a device
// and a socket are refused in words, and so is a FIFO where a file is read more than once. A secret that is none, since
// others may read it, is refused as well. It knows nothing of what is in a file, and is not for files that a daemon
// keeps by itself (package vfs).
package infile

import (
	"crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Bounds of what is read whole, in bytes.
const (
	MaxConfig = 1 << 30 // what a configuration is and names: merchants, BIN tables, captures of traffic to repeat
	MaxSecret = 1 << 20 // keys, tokens, certificates
)

// Open opens a regular file to read it.
func Open(name string) (*os.File, error) {
	file, info, err := open(name)
	if err != nil {
		return nil, err
	}
	if err := Regular(name, info); err != nil {
		return nil, closed(file, err)
	}
	return file, nil
}

// Read reads a file of at most so many bytes. A pipe is read to its end, since shells hand secrets over so; one through
// which nothing comes, such as a FIFO that nobody has open to write, is refused.
func Read(name string, mostBytes int64) ([]byte, error) {
	return read(name, mostBytes, func(fs.FileInfo) error { return nil })
}

// read reads a file if check takes what it is.
func read(name string, mostBytes int64, check func(fs.FileInfo) error) ([]byte, error) {
	file, info, err := open(name)
	if err != nil {
		return nil, err
	}
	pipe := info.Mode()&fs.ModeNamedPipe != 0
	if err := Regular(name, info); err != nil && !pipe {
		return nil, closed(file, err)
	}
	if err := check(info); err != nil {
		return nil, closed(file, err)
	}
	text, err := io.ReadAll(io.LimitReader(file, mostBytes+1))
	switch {
	case err != nil:
	case int64(len(text)) > mostBytes:
		err = fmt.Errorf("%s: is longer than %d bytes", name, mostBytes)
	case pipe && len(text) == 0:
		err = fmt.Errorf("%s: is a FIFO, and nothing came through it", name)
	}
	if err != nil {
		return nil, closed(file, err)
	}
	return text, file.Close()
}

// KeyPair reads a certificate and its key, in PEM form, of a file each; the key is a secret (ReadSecret).
func KeyPair(certificate, key string) (tls.Certificate, error) {
	certificatePEM, err := Read(certificate, MaxSecret)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyPEM, err := ReadSecret(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(certificatePEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s, %s: %w", certificate, key, err)
	}
	return pair, nil
}

// open opens whatever stands under a name. Without O_NONBLOCK opening a FIFO would wait for its other side.
func open(name string) (*os.File, fs.FileInfo, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, nil, closed(file, err)
	}
	return file, info, nil
}

// closed closes a file that is not wanted after all, and returns why.
func closed(file *os.File, why error) error {
	_ = file.Close() // it was only read
	return why
}

// NotRegularError is what stands under a name in the place of a regular file.
type NotRegularError struct {
	Name string
	Is   string      // what it is, and what was expected
	Mode fs.FileMode // its type
}

// Error implements error.
func (e *NotRegularError) Error() string { return e.Name + ": is " + e.Is }

// Regular refuses what is no regular file with a *NotRegularError.
func Regular(name string, info fs.FileInfo) error {
	is := ""
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		is = "a directory, expected a file"
	case mode&fs.ModeNamedPipe != 0:
		is = "a FIFO, expected a regular file"
	case mode&fs.ModeSymlink != 0:
		is = "a symbolic link, expected a regular file"
	default:
		is = "a device or socket, expected a regular file"
	}
	return &NotRegularError{Name: name, Is: is, Mode: info.Mode().Type()}
}
