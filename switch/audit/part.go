package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// part is one of a clearing file's files. What is read of it is hashed, so that it is read only once.
type part struct {
	in    io.ReadCloser
	hash  hash.Hash
	bytes int64
}

func openPart(ctx context.Context, open Open) (*part, error) {
	in, err := open(ctx)
	if err != nil {
		return nil, err
	}
	return &part{in: in, hash: sha256.New()}, nil
}

// Read implements io.Reader.
func (p *part) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	p.hash.Write(b[:n])
	p.bytes += int64(n)
	return n, err
}

// digest reads what is left and returns the whole file's hash and length.
func (p *part) digest() (sum string, bytes int64, err error) {
	_, err = io.Copy(io.Discard, p)
	return hex.EncodeToString(p.hash.Sum(nil)), p.bytes, err
}

func (p *part) close() { _ = p.in.Close() } // it was only read
