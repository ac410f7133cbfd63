package presentment

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// The first byte of what Encode makes; JSON, which it made before, begins with a brace. It stands on disks.
const (
	encoding         = 2
	encodingInWindow = 3 // the window stands before the rest
)

// texts are a snapshot's texts in the order in which they are written: append only, with another encoding.
func (s *Snapshot) texts() [11]*string {
	return [...]*string{
		&s.Name, &s.Street, &s.City, &s.PostalCode, &s.State, &s.Country, &s.MCC, &s.FeePlan, &s.Reason,
		&s.AuthCode, &s.NetworkID,
	}
}

// Encode makes the bytes that the journal keeps: the encoding; the window, where there is one; Format, Sequence and
// Count; then each text behind its length. All numbers are uvarints. A day of ten million captures is encoded and
// decoded several times while it is closed, and JSON took most of that.
func (s Snapshot) Encode() []byte {
	texts := s.texts()
	size := 1 + (4+len(texts))*binary.MaxVarintLen16
	for _, text := range texts {
		size += len(*text)
	}
	b := append(make([]byte, 0, size), encoding)
	if s.Window != 0 {
		b = binary.AppendUvarint(append(b[:0], encodingInWindow), uint64(s.Window))
	}
	for _, n := range [...]int{s.Format, s.Sequence, s.Count} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	for _, text := range texts {
		b = binary.AppendUvarint(b, uint64(len(*text)))
		b = append(b, *text...)
	}
	return b
}

var errCut = errors.New("presentment: the snapshot ends too early, or a number in it is none")

// DecodeSnapshot reads what Encode makes, or has made.
func DecodeSnapshot(b []byte) (s Snapshot, err error) {
	if len(b) > 0 && b[0] == '{' {
		err = json.Unmarshal(b, &s)
		return s, err
	}
	if len(b) == 0 || b[0] != encoding && b[0] != encodingInWindow {
		return s, fmt.Errorf("presentment: the snapshot has an encoding that is not known")
	}
	rest := string(b[1:]) // its texts are parts of this one
	numbers := [...]*int{&s.Window, &s.Format, &s.Sequence, &s.Count}
	first := 1
	if b[0] == encodingInWindow {
		first = 0
	}
	for _, number := range numbers[first:] {
		n, size := uvarint(rest)
		if size <= 0 || n > math.MaxInt32 {
			return Snapshot{}, errCut
		}
		*number, rest = int(n), rest[size:]
	}
	for _, text := range s.texts() {
		n, size := uvarint(rest)
		if size <= 0 || n > uint64(len(rest)-size) {
			return Snapshot{}, errCut
		}
		*text, rest = rest[size:size+int(n)], rest[size+int(n):]
	}
	if rest != "" {
		return Snapshot{}, fmt.Errorf("presentment: %d bytes behind the snapshot", len(rest))
	}
	if b[0] == encodingInWindow && s.Window == 0 {
		return Snapshot{}, errors.New("presentment: the snapshot is of a window without a number")
	}
	return s, nil
}

// WindowOf is the window of a snapshot as the journal keeps it, 0 where it is in none.
func WindowOf(b []byte) int {
	if len(b) == 0 || b[0] != encodingInWindow {
		return 0
	}
	n, size := binary.Uvarint(b[1:])
	if size <= 0 || n > math.MaxInt32 {
		return 0
	}
	return int(n)
}

// uvarint is binary.Uvarint for the beginning of a string; of a number it takes the shortest form only.
func uvarint(s string) (n uint64, size int) {
	var room [binary.MaxVarintLen64]byte
	n, size = binary.Uvarint(room[:copy(room[:], s)])
	if size > 1 && room[size-1] == 0 {
		return 0, 0
	}
	return n, size
}
