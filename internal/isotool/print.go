package isotool

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"switchyard/spec"
)

// Print prints a reading for people: each stream, each frame, and of that each field with its offset in the stream, its
// number, name and value.
func (r *Reading) Print(w io.Writer) error {
	out := bufio.NewWriter(w)
	for i := range r.Streams {
		if i > 0 {
			fmt.Fprintln(out)
		}
		r.Streams[i].print(out)
	}
	return out.Flush()
}

func (s *Stream) print(w io.Writer) {
	head := fmt.Sprintf("%s framed as %s", s.Dialect, s.Framing)
	if s.Confidence != "" {
		head += " (" + s.Confidence + ": " + strings.Join(s.Reasons, ", ") + ")"
	}
	if s.Name != "" {
		head = s.Name + ": " + head
	}
	fmt.Fprintln(w, head)
	switch {
	case s.Lost > 0:
		fmt.Fprintf(w, "%d bytes in front of it were not captured\n", s.Lost)
	case s.Lost < 0:
		fmt.Fprintln(w, "its beginning was not captured")
	}
	for i := range s.Frames {
		fmt.Fprintf(w, "\nframe %d at byte %d, %d bytes", i+1, s.Frames[i].Offset, s.Frames[i].Size)
		if s.Frames[i].Header != "" {
			fmt.Fprintf(w, ", header %s", s.Frames[i].Header)
		}
		fmt.Fprintln(w)
		s.Frames[i].print(w)
	}
}

func (f *Frame) print(w io.Writer) {
	if f.MTI != "" {
		fmt.Fprintf(w, "%s %s\n", f.MTI, f.Name)
	}
	for _, field := range f.Fields {
		fmt.Fprintf(w, "  %6d  %03d %-46s %s\n", field.Offset, field.DE, field.Name, field.Value)
		for _, t := range field.Tags {
			fmt.Fprintf(w, "              %-4s %-41s %s\n", t.Tag, t.Name, t.Value)
		}
	}
	for _, warning := range f.Warnings {
		fmt.Fprintln(w, "  warning:", warning)
	}
	if f.Fault != nil {
		fmt.Fprintf(w, "  wrong: %s", f.Fault.What)
		if f.Fault.Unread > 0 {
			fmt.Fprintf(w, "; %d bytes could not be read", f.Fault.Unread)
		}
		fmt.Fprintln(w)
	}
}

// Shown is a message as it may be shown, masked.
type Shown struct {
	MTI    string       `json:"mti"`
	Name   string       `json:"name"`
	Fields []ShownField `json:"fields"`
}

// ShownField is a data element of a message as it may be shown.
type ShownField struct {
	DE    int    `json:"de"`
	Name  string `json:"name"`
	Value string `json:"value"`
	Tags  []Tag  `json:"tags,omitempty"`
}

// Show masks a message; clearPAN shows card numbers.
func Show(codec *spec.Codec, m *spec.Message, clearPAN bool) Shown {
	s := Shown{MTI: m.MTI(), Name: spec.MTIName(m.MTI()), Fields: []ShownField{}}
	for de, value := range m.Fields {
		s.Fields = append(s.Fields, ShownField{
			DE: de, Name: codec.FieldName(de), Value: codec.Shown(de, value, clearPAN), Tags: tagsOf(de, value),
		})
	}
	return s
}

// Print prints a message for people, as Reading.Print does, without offsets.
func (s Shown) Print(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s %s\n", s.MTI, s.Name)
	for _, f := range s.Fields {
		fmt.Fprintf(out, "  %03d %-46s %s\n", f.DE, f.Name, f.Value)
		for _, t := range f.Tags {
			fmt.Fprintf(out, "      %-4s %-41s %s\n", t.Tag, t.Name, t.Value)
		}
	}
	return out.Flush()
}

// String is a try in a line.
func (t Try) String() string {
	if t.Sent == "" {
		return "listening first: " + t.What
	}
	return fmt.Sprintf("%s in %s, %s: %s", t.Sent, t.Framing, t.Dialect, t.What)
}
