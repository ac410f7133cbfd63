package ipmtool

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"io"
	"strconv"

	"switchyard/switch/clearing"
)

// A File is one that is compared. It is read twice: as a stream, and again in places.
type File interface {
	io.Reader
	io.ReaderAt
}

// side is which file of a comparison a record stands in.
type side byte

const (
	sideA side = 0
	sideB side = 1
)

// A place is where a record stands. No record stands at the zero place.
type place struct {
	number uint32 // from 1
	offset int64
}

// An entry is what is kept of a record: two hashes of what it is known by, which file it stands in and where, and a
// hash of what it holds. As a row it sorts by that, so that what belongs together stands together.
type entry struct {
	of side
	place
	content uint64
}

const (
	keyBytes   = 16
	placeBytes = 4 + 8
	entryBytes = keyBytes + 1 + placeBytes + 8
	pairBytes  = 2 * placeBytes
)

func appendPlace(row []byte, p place) []byte {
	row = binary.BigEndian.AppendUint32(row, p.number)
	return binary.BigEndian.AppendUint64(row, uint64(p.offset))
}

func parsePlace(row []byte) place {
	return place{binary.BigEndian.Uint32(row), int64(binary.BigEndian.Uint64(row[4:]))}
}

func parseEntry(row []byte) entry {
	row = row[keyBytes:]
	return entry{side(row[0]), parsePlace(row[1:]), binary.BigEndian.Uint64(row[1+placeBytes:])}
}

// appendPair appends a record's place and that of one of the other file, which may be the zero place.
func appendPair(row []byte, of, other place) []byte { return appendPlace(appendPlace(row, of), other) }

func parsePair(row []byte) (of, other place) { return parsePlace(row), parsePlace(row[placeBytes:]) }

// hasher hashes records alike for both files of a comparison.
type hasher struct {
	seeds   [3]maphash.Seed
	ignored ignored
	nth     map[string]int // of each kind of message without an acquirer reference
	hash    maphash.Hash
	tag     [2]byte
}

func newHasher(seeds [3]maphash.Seed, ignored ignored) *hasher {
	return &hasher{seeds: seeds, ignored: ignored, nth: map[string]int{}}
}

// entry appends the entry of a record, as a row. A message without an acquirer reference, such as a header, is known by
// its kind and by how many of it there were.
func (h *hasher) entry(row []byte, of side, r *clearing.Record) []byte {
	reversal, _ := r.PDS(25)
	function, nth := r.FunctionCode(), 0
	arn := r.Get(31)
	if len(arn) == 0 {
		kind := r.MTI + function
		h.nth[kind]++
		nth = h.nth[kind]
	}
	for _, seed := range h.seeds[:2] {
		h.hash.SetSeed(seed)
		_, _ = h.hash.Write(arn)
		if nth > 0 {
			_, _ = h.hash.WriteString("#" + strconv.Itoa(nth))
		}
		for _, part := range [...]string{r.MTI, function, reversal, r.IssuerReference()} {
			_ = h.hash.WriteByte(0)
			_, _ = h.hash.WriteString(part)
		}
		row = binary.BigEndian.AppendUint64(row, h.hash.Sum64())
	}
	row = appendPlace(append(row, byte(of)), place{uint32(r.Number), r.Offset})
	return binary.BigEndian.AppendUint64(row, h.content(r))
}

// content hashes all of a record that is not ignored. Elements that carry subelements are compared by these.
func (h *hasher) content(r *clearing.Record) uint64 {
	h.hash.SetSeed(h.seeds[2])
	_, _ = h.hash.WriteString(r.MTI)
	for de := range r.Elements() {
		if clearing.CarriesPDS(de) || h.ignored.de[de] {
			continue
		}
		_ = h.hash.WriteByte(byte(de))
		_, _ = h.hash.Write(r.Get(de))
		_ = h.hash.WriteByte(0)
	}
	for sub := range r.Subelements() {
		if !h.ignored.pds[sub.Tag] {
			_, _ = h.hash.Write(binary.BigEndian.AppendUint16(h.tag[:0], uint16(sub.Tag)))
			_, _ = h.hash.WriteString(sub.Value)
			_ = h.hash.WriteByte(0)
		}
	}
	return h.hash.Sum64()
}

// each reads a file and hands each of its records on; what cannot be read goes to unreadable.
func each(f io.Reader, take func(*clearing.Record) error, unreadable func(*clearing.FormatError) error) (
	*clearing.Reader, error,
) {
	reader, err := clearing.NewReader(f)
	if err != nil {
		return nil, err
	}
	for {
		r, err := reader.Next()
		var format *clearing.FormatError
		switch {
		case errors.Is(err, io.EOF):
			return reader, nil
		case errors.As(err, &format):
			if err := unreadable(format); err != nil || format.Fatal {
				return reader, err
			}
		case err != nil:
			return reader, err
		default:
			if err := take(r); err != nil {
				return reader, err
			}
		}
	}
}
