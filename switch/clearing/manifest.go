package clearing

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"
)

// A Manifest says which files belong together, what each must hash to and what they add up to. It is made from the
// journal's facts alone: writing it again gives the same bytes (I8).
type Manifest struct {
	BusinessDate string `json:"business_date"` // YYYY-MM-DD
	Destination  string `json:"destination"`
	FileID       string `json:"file_id"` // PDS0105
	SealedAt     string `json:"sealed_at,omitempty"`
	// Window is which of its destination's windows on the date the file is of, from 1; 0: it is of none. LastSequence is,
	// of a file that is of none, the sequence of the date's last file: with it the date is whole. It is 0 where nobody
	// knows, as in manifests that were made before there was one.
	Window       int            `json:"window,omitempty"`
	LastSequence int            `json:"last_sequence,omitempty"`
	Mode         string         `json:"mode"`      // PDS0122: P or T
	CodePage     string         `json:"code_page"` // CodePage.String
	Blocked      bool           `json:"blocked"`
	RDW          bool           `json:"rdw,omitempty"` // record descriptor words; else VBS
	Files        []ManifestFile `json:"files"`
	Totals       Totals         `json:"totals"` // as Writer.Close returned them
}

// A ManifestFile is one file that the manifest stands for; itself it is not among them.
type ManifestFile struct {
	Name   string `json:"name"`   // without folder
	SHA256 string `json:"sha256"` // lower-case hex
	Bytes  int64  `json:"bytes"`
}

// maxManifest is the longest manifest that ReadManifest takes, in bytes.
const maxManifest = 1 << 20

// NewManifest fills in what the header and the totals tell. sealedAt is the journal's time of sealing; the zero time
// leaves it out.
func NewManifest(h Header, destination string, sealedAt time.Time, totals Totals, files ...ManifestFile) *Manifest {
	m := &Manifest{
		BusinessDate: h.FileID.Date.Format(time.DateOnly),
		Destination:  destination,
		FileID:       h.FileID.String(),
		Mode:         h.mode(),
		CodePage:     h.CodePage.String(),
		Blocked:      h.Blocked,
		RDW:          h.RDW,
		Files:        files,
		Totals:       totals,
	}
	if !sealedAt.IsZero() {
		m.SealedAt = sealedAt.UTC().Format(time.RFC3339Nano)
	}
	return m
}

// Encode returns the manifest as indented JSON with a final line feed, always the same bytes for the same values.
func (m *Manifest) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("clearing: manifest: %w", err)
	}
	return append(b, '\n'), nil
}

// ReadManifest reads what Encode wrote. Unknown fields, more than 1 MiB, a window with a last sequence and names that
// point out of the manifest's own folder are errors.
func ReadManifest(r io.Reader) (*Manifest, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("clearing: manifest: %w", err)
	}
	if len(b) > maxManifest {
		return nil, fmt.Errorf("clearing: manifest: longer than %d bytes", maxManifest)
	}
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	m := new(Manifest)
	if err := decoder.Decode(m); err != nil {
		return nil, fmt.Errorf("clearing: manifest: at byte %d: %w", decoder.InputOffset(), err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("clearing: manifest: at byte %d: something follows it", decoder.InputOffset())
	}
	if _, err := ParseFileID(m.FileID); err != nil {
		return nil, fmt.Errorf("clearing: manifest: file_id: %w", err)
	}
	if _, err := time.Parse(time.DateOnly, m.BusinessDate); err != nil {
		return nil, errors.New("clearing: manifest: business_date is no date, YYYY-MM-DD expected")
	}
	if m.Window < 0 || m.LastSequence < 0 || m.Window > 0 && m.LastSequence > 0 {
		return nil, fmt.Errorf("clearing: manifest: window: %d, last_sequence: %d: expected one of them, or none",
			m.Window, m.LastSequence)
	}
	for _, file := range m.Files {
		if file.Name == "" || file.Name == "." || file.Name == ".." || strings.ContainsAny(file.Name, `/\`) {
			return nil, fmt.Errorf("clearing: manifest: files: %q is no name without a folder", file.Name)
		}
	}
	return m, nil
}

// A Digest hashes and counts what goes through it to the writer below, so that a file is read only once for its
// manifest.
type Digest struct {
	w     io.Writer
	hash  hash.Hash
	bytes int64
}

// NewDigest begins a file.
func NewDigest(w io.Writer) *Digest { return &Digest{w: w, hash: sha256.New()} }

// Write hashes what the writer below took.
func (d *Digest) Write(b []byte) (int, error) {
	n, err := d.w.Write(b)
	d.hash.Write(b[:n])
	d.bytes += int64(n)
	return n, err
}

// File is the manifest's entry for what was written so far.
func (d *Digest) File(name string) ManifestFile {
	return ManifestFile{Name: name, SHA256: hex.EncodeToString(d.hash.Sum(nil)), Bytes: d.bytes}
}
