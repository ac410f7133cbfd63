package presentment

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
)

// encoding is the first byte of what Encode makes; JSON, which it made before, begins with a brace. It stands on disks.
const encoding = 2

// texts are a snapshot's texts in the order in which they are written: append only, with another encoding.
func (s *Snapshot) texts() [11]*string {
	return [...]*string{
		&s.Name, &s.Street, &s.City, &s.PostalCode, &s.State, &s.Country, &s.MCC, &s.FeePlan, &s.Reason,
		&s.AuthCode, &s.NetworkID,
	}
}

// Encode makes the bytes that the journal keeps: the encoding; Format, Sequence and Count; then each text behind its
// length. All numbers are uvarints. A day of ten million captures is encoded and decoded several times while it is
// closed, and JSON took most of that.
func (s Snapshot) Encode() []byte {
	texts := s.texts()
	size := 1 + (3+len(texts))*binary.MaxVarintLen16
	for _, text := range texts {
		size += len(*text)
	}
	b := append(make([]byte, 0, size), encoding)
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
	if len(b) == 0 || b[0] != encoding {
		return s, fmt.Errorf("presentment: the snapshot has an encoding that is not known")
	}
	rest := string(b[1:]) // its texts are parts of this one
	for _, number := range [...]*int{&s.Format, &s.Sequence, &s.Count} {
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
	return s, nil
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
