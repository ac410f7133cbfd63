package cutover

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"switchyard/internal/pan"
	"switchyard/switch/clearing"
)

// nothing is what a side says that has no such record or field.
const nothing = "nothing"

// find finds the first record and field that differ, and what both say there.
func (d *Difference) find(rebuilt, delivered io.Reader) error {
	switch {
	case strings.HasSuffix(d.File, ".ipm"):
		return d.findMessage(rebuilt, delivered)
	case strings.HasSuffix(d.File, ".csv"):
		return d.findRow(rebuilt, delivered)
	}
	return d.findLine(rebuilt, delivered)
}

// findMessage looks for it in two clearing files.
func (d *Difference) findMessage(rebuilt, delivered io.Reader) error {
	ours, err := clearing.NewReader(rebuilt)
	if err != nil {
		return err
	}
	theirs, err := clearing.NewReader(delivered)
	if err != nil {
		d.Delivered = err.Error()
		return nil
	}
	for d.Record = 1; ; d.Record++ {
		a, errA := ours.Next()
		if errA != nil && !errors.Is(errA, io.EOF) {
			return errA
		}
		b, errB := theirs.Next()
		var format *clearing.FormatError
		switch {
		case errA != nil && errors.Is(errB, io.EOF): // the records are the same, and not what is around them
			d.Record = 0
			return nil
		case errors.As(errB, &format):
			d.Record, d.Field, d.Delivered = format.Record, format.Field, format.Error()
			return nil
		case errB != nil && !errors.Is(errB, io.EOF):
			return errB
		case errA != nil:
			d.Rebuilt, d.Delivered = nothing, b.Kind()
			return nil
		case errB != nil:
			d.Rebuilt, d.Delivered = a.Kind(), nothing
			return nil
		}
		if d.findElement(a, b) {
			return nil
		}
	}
}

// findElement looks for it in two messages, and tells whether there is one.
func (d *Difference) findElement(a, b *clearing.Record) bool {
	if a.MTI != b.MTI {
		d.Field, d.Rebuilt, d.Delivered = "MTI", a.MTI, pan.MaskIn(b.MTI)
		return true
	}
	elements := slices.Concat(slices.Collect(a.Elements()), slices.Collect(b.Elements()))
	slices.Sort(elements)
	for _, de := range elements {
		if a.Has(de) == b.Has(de) && bytes.Equal(a.Get(de), b.Get(de)) {
			continue
		}
		d.Field, d.Rebuilt, d.Delivered = fmt.Sprint("DE", de), orNothing(a.Shown(de)), orNothing(b.Shown(de))
		if clearing.CarriesPDS(de) {
			d.findSubelement(a, b)
		}
		return true
	}
	return false
}

// findSubelement looks for it in the private data subelements of two messages.
func (d *Difference) findSubelement(a, b *clearing.Record) {
	ours, theirs := slices.Collect(a.Subelements()), slices.Collect(b.Subelements())
	same := 0
	for same < len(ours) && same < len(theirs) && ours[same] == theirs[same] {
		same++
	}
	if rest := slices.Concat(ours[same:], theirs[same:]); len(rest) > 0 {
		d.Field += fmt.Sprintf(" PDS%04d", rest[0].Tag)
		d.Rebuilt, d.Delivered = orNothing(a.ShownPDS(rest[0].Tag)), orNothing(b.ShownPDS(rest[0].Tag))
	}
}

func orNothing(s string) string {
	if s == "" {
		return nothing
	}
	return s
}

// findRow looks for it in two CSV files.
func (d *Difference) findRow(rebuilt, delivered io.Reader) error {
	ours, theirs := csv.NewReader(rebuilt), csv.NewReader(delivered)
	theirs.FieldsPerRecord = -1
	var columns []string
	for ; ; d.Record++ {
		a, errA := ours.Read()
		if errA != nil && !errors.Is(errA, io.EOF) {
			return errA
		}
		b, errB := theirs.Read()
		var malformed *csv.ParseError
		if errors.As(errB, &malformed) {
			d.Delivered = errB.Error()
			return nil
		}
		if errB != nil && !errors.Is(errB, io.EOF) {
			return errB
		}
		if errA != nil && errB != nil { // line ends or quotes
			d.Record = 0
			return nil
		}
		if columns == nil {
			columns = a
		}
		for i := range max(len(a), len(b)) {
			if i < len(a) && i < len(b) && a[i] == b[i] {
				continue
			}
			d.Field = fmt.Sprint("column ", i+1)
			if i < len(columns) {
				d.Field = columns[i]
			}
			d.Rebuilt, d.Delivered = cell(a, i), cell(b, i)
			return nil
		}
	}
}

func cell(row []string, i int) string {
	if i >= len(row) {
		return nothing
	}
	return pan.MaskIn(row[i])
}

// maxLine bounds a line of a manifest, in bytes.
const maxLine = 1 << 20

// findLine looks for it in two manifests, which have a value a line.
func (d *Difference) findLine(rebuilt, delivered io.Reader) error {
	ours, theirs := bufio.NewScanner(rebuilt), bufio.NewScanner(delivered)
	theirs.Buffer(nil, maxLine)
	for d.Record = 1; ; d.Record++ {
		a, b := ours.Scan(), theirs.Scan()
		if err := errors.Join(ours.Err(), theirs.Err()); err != nil {
			return err
		}
		if a && b && ours.Text() == theirs.Text() {
			continue
		}
		if !a && !b { // line ends
			d.Record = 0
			return nil
		}
		d.Rebuilt, d.Delivered = orNothing(strings.TrimSpace(ours.Text())), pan.MaskIn(strings.TrimSpace(theirs.Text()))
		d.Delivered = orNothing(d.Delivered)
		if _, rest, ok := strings.Cut(d.Rebuilt+d.Delivered, `"`); ok {
			d.Field, _, _ = strings.Cut(rest, `"`)
		}
		return nil
	}
}
