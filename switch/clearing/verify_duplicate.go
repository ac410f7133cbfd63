package clearing

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"

	"switchyard/internal/extsort"
)

// The keys of the first keysInMap records are compared as they come. Once there are more all go to a sorter, which
// finds equal ones at the end: a map of all would take gigabytes where a sorted file takes none.
const (
	keysInMap             = 1 << 16
	defaultKeyMemoryBytes = 72 << 20
)

// An arnKey is a RecordKey in a fixed space.
type arnKey struct {
	arn      [arnLength]byte
	kind     [mtiLength + 3]byte // MTI, DE24
	reversal [reversalLength]byte
	issuer   [issuerReferenceLength]byte // DE95
}

const (
	reversalLength        = 7 // of PDS0025: R and YYMMDD
	issuerReferenceLength = 10
)

// A keyedRecord is where a record with a key stands.
type keyedRecord struct {
	number int
	before int   // records before its file, where several stand one behind the other
	offset int64 // of its DE31
	de71   int   // -1 where it has none that is one
}

// recordKeys are the keys of all records so far.
type recordKeys struct {
	first  map[arnKey]keyedRecord // nil once they are too many
	memory int                    // bytes, of the sorter
	spill  func() (extsort.File, error)
	sorter *extsort.Sorter   // nil before
	row    [keyRowBytes]byte // that is added
	full   bool              // no further ones are taken
}

func newRecordKeys(o *VerifyOptions) *recordKeys {
	return &recordKeys{
		first: map[arnKey]keyedRecord{}, memory: cmp.Or(o.KeyMemoryBytes, defaultKeyMemoryBytes), spill: o.Spill,
	}
}

func (k *recordKeys) close() error {
	if k.sorter == nil {
		return nil
	}
	return k.sorter.Close()
}

// keyOf is the key of a record; false where it has none, or one whose parts are not as long as they must be, which is
// reported as such.
func keyOf(r *Record) (key arnKey, ok bool) {
	arn, function := r.Get(31), r.Get(24)
	if len(arn) != arnLength || len(r.MTI)+len(function) != len(key.kind) {
		return key, false
	}
	copy(key.arn[:], arn)
	copy(key.kind[:], r.MTI)
	copy(key.kind[len(r.MTI):], function)
	reversal, _ := r.PDS(pdsReversal)
	copy(key.reversal[:], reversal)
	copy(key.issuer[:], bytes.TrimRight(r.Get(95), " "))
	return key, true
}

// duplicate looks whether a record was there before.
func (v *verifier) duplicate(r *Record) error {
	key, ok := keyOf(r)
	if !ok || v.keys.full {
		return nil
	}
	at := keyedRecord{number: r.Number, before: v.part.before, offset: r.at(int(r.spans[31].start)), de71: -1}
	if n, ok := r.number(); ok {
		at.de71 = n
	}
	if v.keys.sorter != nil {
		err := v.keys.add(key, &at)
		if errors.Is(err, extsort.ErrFull) {
			v.keys.full = true
			v.warn(r, 0, "", "duplicates are looked for among the records before this one only")
			return nil
		}
		return err
	}
	if first, ok := v.keys.first[key]; ok {
		v.twice(first.number, &at)
		return nil
	}
	v.keys.first[key] = at
	if len(v.keys.first) < keysInMap {
		return nil
	}
	return v.keys.toSorter()
}

// twice reports a record that has the key of an earlier one.
func (v *verifier) twice(first int, at *keyedRecord) {
	f := Finding{
		Record: at.number, Offset: at.offset, Field: fieldName(31, 0),
		Message: "record " + strconv.Itoa(first) + " has the same message, reference and reversal",
	}
	if at.de71 >= 0 {
		f.DE71 = string(appendPadded(nil, uint64(at.de71), layout[71].max))
	}
	if v.livable(first, at) {
		v.addWarning(f)
		return
	}
	v.err(f)
}

// livable tells whether a record that has the key of an earlier one is what others live with: a file may stand there
// twice, under two ids.
func (v *verifier) livable(first int, at *keyedRecord) bool { return first <= at.before && !v.strict }

// duplicates reports what the sorter finds, in the order of the records.
func (v *verifier) duplicates() error {
	if v.keys.sorter == nil {
		return nil
	}
	type pair struct {
		first int
		again keyedRecord
	}
	var pairs []pair // the first of them by their keys, and no more than are reported
	var last arnKey
	first, more := 0, 0
	err := v.keys.sorter.Each(func(row []byte) error {
		key, at := parseKeyRow(row)
		switch {
		case first == 0 || key != last:
			last, first = key, at.number
		case len(pairs) < MaxFindings:
			pairs = append(pairs, pair{first, at})
		case !v.livable(first, &at):
			more++
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.again.number, b.again.number) })
	for _, p := range pairs {
		v.twice(p.first, &p.again)
	}
	v.report.ErrorCount += more
	return nil
}

// A row of the sorter: the key, the record's number and those before its file, where its DE31 stands, and DE71.
const (
	keyBytes    = arnLength + mtiLength + 3 + reversalLength + issuerReferenceLength
	keyRowBytes = keyBytes + 4 + 4 + 8 + 4
)

func (k *recordKeys) toSorter() error {
	k.sorter = extsort.New(keyRowBytes, k.memory, k.spill)
	for key, at := range k.first {
		if err := k.add(key, &at); err != nil {
			return err
		}
	}
	k.first = nil
	return nil
}

// add takes a key to the sorter. Of equal ones the first record comes first.
func (k *recordKeys) add(key arnKey, at *keyedRecord) error {
	row := append(k.row[:0], key.arn[:]...)
	row = append(row, key.kind[:]...)
	row = append(row, key.reversal[:]...)
	row = append(row, key.issuer[:]...)
	row = binary.BigEndian.AppendUint32(row, uint32(at.number))
	row = binary.BigEndian.AppendUint32(row, uint32(at.before))
	row = binary.BigEndian.AppendUint64(row, uint64(at.offset))
	row = binary.BigEndian.AppendUint32(row, uint32(int32(at.de71)))
	return k.sorter.Add(row)
}

func parseKeyRow(row []byte) (key arnKey, at keyedRecord) {
	n := copy(key.arn[:], row)
	n += copy(key.kind[:], row[n:])
	n += copy(key.reversal[:], row[n:])
	n += copy(key.issuer[:], row[n:])
	at.number = int(binary.BigEndian.Uint32(row[n:]))
	at.before = int(binary.BigEndian.Uint32(row[n+4:]))
	at.offset = int64(binary.BigEndian.Uint64(row[n+8:]))
	at.de71 = int(int32(binary.BigEndian.Uint32(row[n+16:])))
	return key, at
}
