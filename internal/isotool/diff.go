package isotool

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"switchyard/spec"
)

// Difference is a field in which two messages differ.
type Difference struct {
	Frame int    `json:"frame"` // from 1
	DE    int    `json:"de"`    // 0: MTI; -1: the frame as a whole
	Name  string `json:"name"`
	// A and B are the values, masked; what one of them does not have is nil.
	A *string `json:"a"`
	B *string `json:"b"`
}

// Diff compares the messages of two readings by their fields, frame by frame, with the values that they mean: the same
// message in two dialects of one edition differs in nothing. ignore are DEs that are not compared. What a frame has
// that could not be read cannot be compared: such a frame is a difference.
func Diff(a, b *Reading, clearPAN bool, ignore ...int) (all []Difference) {
	left, right := a.frames(), b.frames()
	for i := range max(len(left), len(right)) {
		switch n := i + 1; {
		case i >= len(left):
			all = append(all, Difference{n, -1, "frame", nil, text(right[i].MTI)})
		case i >= len(right):
			all = append(all, Difference{n, -1, "frame", text(left[i].MTI), nil})
		default:
			all = append(all, diffFrames(n, left[i], right[i], clearPAN, ignore)...)
		}
	}
	return all
}

func (r *Reading) frames() (all []*Frame) {
	for i := range r.Streams {
		for j := range r.Streams[i].Frames {
			all = append(all, &r.Streams[i].Frames[j])
		}
	}
	return all
}

func diffFrames(n int, a, b *Frame, clearPAN bool, ignore []int) (all []Difference) {
	if a.Fault != nil || b.Fault != nil {
		all = append(all, Difference{n, -1, "frame", text(a.summary()), text(b.summary())})
	}
	if a.MTI != b.MTI && !slices.Contains(ignore, 0) {
		all = append(all, Difference{n, 0, spec.FieldName(0), text(a.MTI), text(b.MTI)})
	}
	for de := 2; de <= spec.MaxDE; de++ {
		if slices.Contains(ignore, de) {
			continue
		}
		left, right := a.message.Bytes(de), b.message.Bytes(de)
		if a.message.Has(de) == b.message.Has(de) && bytes.Equal(left, right) {
			continue
		}
		d := Difference{n, de, a.fieldName(b, de), shown(&a.message, de, clearPAN), shown(&b.message, de, clearPAN)}
		if d.A != nil && d.B != nil && *d.A == *d.B { // they differ in what is hidden
			*d.A, *d.B = *d.A+" (one)", *d.B+" (another)"
		}
		all = append(all, d)
	}
	return all
}

// summary is a frame in a few words: its MTI, and what is wrong with it.
func (f *Frame) summary() string {
	if f.Fault == nil {
		return f.MTI
	}
	return strings.TrimSpace(f.MTI + " wrong: " + f.Fault.What)
}

func (f *Frame) fieldName(other *Frame, de int) string {
	for _, field := range slices.Concat(f.Fields, other.Fields) {
		if field.DE == de {
			return field.Name
		}
	}
	return spec.FieldName(de)
}

func shown(m *spec.Message, de int, clearPAN bool) *string {
	if !m.Has(de) {
		return nil
	}
	return text(spec.VersionOf(m.MTI()).Shown(de, m.Bytes(de), clearPAN))
}

func text(s string) *string { return &s }

// String is a difference in a line.
func (d Difference) String() string {
	value := func(v *string) string {
		if v == nil {
			return "(none)"
		}
		return *v
	}
	if d.DE < 0 {
		return fmt.Sprintf("frame %d: %s | %s", d.Frame, value(d.A), value(d.B))
	}
	return fmt.Sprintf("frame %d: %03d %s: %s | %s", d.Frame, d.DE, d.Name, value(d.A), value(d.B))
}
