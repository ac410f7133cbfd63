package spec

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/padding"
	"github.com/moov-io/iso8583/prefix"
)

// The embedded dialects.
const (
	// DefaultDialect is all ASCII, with bitmaps and binary data as hex text.
	DefaultDialect = "iso87ascii"
	// BCDDialect has binary bitmaps, numbers and lengths in BCD and binary data as it is.
	BCDDialect = "iso87bcd"
)

//go:embed iso87ascii.json iso87bcd.json iso87binary.json iso87binary-jpos.json iso87ebcdic.json iso87bcd-ebcdic.json
//go:embed iso93ascii.json iso93bcd.json
var embedded embed.FS

// stock are the names of the embedded dialects.
var stock = []string{
	DefaultDialect, BCDDialect, "iso87binary", "iso87binary-jpos", "iso87ebcdic", "iso87bcd-ebcdic", "iso93ascii",
	"iso93bcd",
}

// Stock returns the names of the embedded dialects, the default first.
func Stock() []string { return slices.Clone(stock) }

// StockCodecs are the codecs of the embedded dialects, as Stock names them, compiled once.
func StockCodecs() []*Codec { return slices.Clone(stockCodecs()) }

var stockCodecs = sync.OnceValue(func() []*Codec {
	codecs := make([]*Codec, len(stock))
	for i, name := range stock {
		codecs[i] = MustCodec(name)
	}
	return codecs
})

// MaxSpecFile is the largest JSON spec in bytes that LoadFile reads.
const MaxSpecFile = 4 << 20

// Open returns the codec of an embedded dialect, which is compiled once. It knows its name and its edition of ISO 8583.
func Open(name string) (*Codec, error) {
	if opened, ok := opening[name]; ok {
		return opened()
	}
	_, err := Source(name) // there is none
	return nil, err
}

// opening compiles the embedded dialects, each the first time that it is asked for.
var opening = func() map[string]func() (*Codec, error) {
	all := map[string]func() (*Codec, error){}
	for _, name := range stock {
		all[name] = sync.OnceValues(func() (*Codec, error) {
			raw, err := Source(name)
			if err != nil {
				return nil, err
			}
			return OpenFile(name+".json", bytes.NewReader(raw))
		})
	}
	return all
}()

// OpenFile compiles a dialect of one's own, which LoadFile describes; name is the file's, for errors.
func OpenFile(name string, r io.Reader) (*Codec, error) {
	s, version, err := readFile(name, r)
	if err != nil {
		return nil, err
	}
	c, err := compile(s, version)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// MustCodec opens an embedded dialect and panics if there is none of that name.
func MustCodec(name string) *Codec {
	c, err := Open(name)
	if err != nil {
		panic(err)
	}
	return c
}

// Load returns the spec of an embedded dialect, each time a new copy.
func Load(name string) (*iso8583.MessageSpec, error) {
	raw, err := Source(name)
	if err != nil {
		return nil, err
	}
	return LoadFile(name+".json", bytes.NewReader(raw))
}

// Source returns the JSON of an embedded dialect: the place to start for one of your own.
func Source(name string) ([]byte, error) {
	if !slices.Contains(stock, name) {
		last := len(stock) - 1
		return nil, fmt.Errorf("dialect %q: want %s or %s, or a JSON file of your own",
			name, strings.Join(stock[:last], ", "), stock[last])
	}
	return embedded.ReadFile(name + ".json")
}

// LoadFile reads a spec in the library's JSON form from r; name is the file's, for errors. It is stricter than the
// library, which ignores much of what it does not know: an unknown key, type, encoding, prefix or padding, a padding
// that is not one ASCII character, a DE or key that stands there twice, a missing MTI or bitmap, and what Compile could
// not compile anyway are errors that name the DE.
//
// Beside the library's keys a spec may have version, 1987 or 1993, which is 1987 where it is not given. A MessageSpec
// has no room for it: OpenFile keeps it.
func LoadFile(name string, r io.Reader) (*iso8583.MessageSpec, error) {
	s, _, err := readFile(name, r)
	return s, err
}

func readFile(name string, r io.Reader) (*iso8583.MessageSpec, Version, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxSpecFile+1))
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name, err)
	}
	if len(raw) > MaxSpecFile {
		return nil, 0, fmt.Errorf("%s: want a spec of at most %d bytes", name, MaxSpecFile)
	}
	s, version, err := parse(raw)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name, err)
	}
	return s, version, nil
}

// The JSON form of a spec, as the library reads and writes it, and the version.
type (
	specJSON struct {
		Name    string               `json:"name"`
		Version *Version             `json:"version"`
		Fields  map[string]fieldJSON `json:"fields"`
	}
	fieldJSON struct {
		Type              string       `json:"type"`
		Length            int          `json:"length"`
		Description       string       `json:"description"`
		Enc               string       `json:"enc"`
		Prefix            string       `json:"prefix"`
		Padding           *paddingJSON `json:"padding"`
		DisableAutoExpand bool         `json:"disableAutoExpand"`

		// Only composites have these. They are named here so that a composite is refused as one and not for its keys.
		Tag       json.RawMessage `json:"tag"`
		Subfields json.RawMessage `json:"subfields"`
		Bitmap    json.RawMessage `json:"bitmap"`
	}
	paddingJSON struct {
		Type string `json:"type"`
		Pad  string `json:"pad"`
	}
)

// What the library's JSON calls its types, encodings, prefixes and paddings. Left out is what Compile refuses.
var (
	typeNames = map[string]func(*field.Spec) field.Field{
		"String":  func(s *field.Spec) field.Field { return field.NewString(s) },
		"Numeric": func(s *field.Spec) field.Field { return field.NewNumeric(s) },
		"Binary":  func(s *field.Spec) field.Field { return field.NewBinary(s) },
		"Hex":     func(s *field.Spec) field.Field { return field.NewHex(s) },
		"Bitmap":  func(s *field.Spec) field.Field { return field.NewBitmap(s) },
	}
	encodingNames = map[string]encoding.Encoder{
		"ASCII":      encoding.ASCII,
		"Binary":     encoding.Binary,
		"EBCDIC":     encoding.EBCDIC,
		"EBCDIC1047": encoding.EBCDIC1047,
		"BCD":        encoding.BCD,
		"LBCD":       encoding.LBCD,
		"HexToASCII": encoding.BytesToASCIIHex,
		"ASCIIToHex": encoding.ASCIIHexToBytes,
		"LBCDF":      LBCDF,
		"ZBCD":       ZBCD,
		"ZLBCD":      ZLBCD,
		"ZLBCDF":     ZLBCDF,
		"SignBCD":    SignBCD,
	}
	prefixNames = func() map[string]prefix.Prefixer {
		names := map[string]prefix.Prefixer{}
		for _, family := range []prefix.Prefixers{prefix.ASCII, prefix.BCD, prefix.Hex, prefix.EBCDIC, prefix.Binary} {
			names[family.Fixed.Inspect()] = family.Fixed
			for _, p := range variable(family) {
				names[p.Inspect()] = p
			}
		}
		return names
	}()
	padderNames = map[string]func(rune) padding.Padder{
		"Left":  padding.Left,
		"Right": padding.Right,
		"None":  func(rune) padding.Padder { return padding.None },
	}
)

func parse(raw []byte) (*iso8583.MessageSpec, Version, error) {
	if err := checkDuplicates(json.NewDecoder(bytes.NewReader(raw)), ""); err != nil {
		return nil, 0, withLine(raw, err)
	}
	var parsed specJSON
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&parsed); err != nil {
		return nil, 0, withLine(raw, err)
	}
	if _, err := strict.Token(); err != io.EOF {
		return nil, 0, errors.New("want the file to end after the spec")
	}
	if parsed.Name == "" {
		return nil, 0, errors.New("name: missing")
	}
	version := ISO1987
	if parsed.Version != nil {
		version = *parsed.Version
	}
	if version != ISO1987 && version != ISO1993 {
		return nil, 0, fmt.Errorf("version: want 1987 or 1993, not %d", version)
	}
	s := &iso8583.MessageSpec{Name: parsed.Name, Fields: map[int]field.Field{}}
	for _, key := range slices.Sorted(maps.Keys(parsed.Fields)) {
		de, err := strconv.Atoi(key)
		if err != nil || strconv.Itoa(de) != key || de < 0 || de > MaxDE {
			return nil, 0, fmt.Errorf("field %q: want the number of a DE, 0 to %d", key, MaxDE)
		}
		if s.Fields[de], err = parsed.Fields[key].field(); err != nil {
			return nil, 0, fmt.Errorf("DE %s: %w", key, err)
		}
	}
	if err := s.Validate(); err != nil {
		return nil, 0, err
	}
	return s, version, nil
}

// field makes the library's field of its JSON form.
func (f fieldJSON) field() (field.Field, error) {
	switch f.Type {
	case "Composite", "Track1", "Track2", "Track3":
		return nil, fmt.Errorf("type: %s cannot be compiled; declare a String and take it apart yourself", f.Type)
	}
	construct, err := named("type", f.Type, typeNames)
	if err != nil {
		return nil, err
	}
	if f.Tag != nil || f.Subfields != nil || f.Bitmap != nil {
		return nil, fmt.Errorf("tag, subfields, bitmap: want none in a %s", f.Type)
	}
	if f.Length < 0 {
		return nil, fmt.Errorf("length: want 0 or more, not %d", f.Length)
	}
	s := &field.Spec{Length: f.Length, Description: f.Description, DisableAutoExpand: f.DisableAutoExpand}
	if s.Enc, err = named("enc", f.Enc, encodingNames); err != nil {
		return nil, err
	}
	if s.Pref, err = named("prefix", f.Prefix, prefixNames); err != nil {
		return nil, err
	}
	if p := f.Padding; p != nil {
		padder, err := named("padding: type", p.Type, padderNames)
		if err != nil {
			return nil, err
		}
		var character rune
		if p.Type != "None" {
			if len(p.Pad) != 1 || p.Pad[0] > 127 {
				return nil, fmt.Errorf("padding: pad: want one ASCII character, not %q", p.Pad)
			}
			character = rune(p.Pad[0])
		}
		s.Pad = padder(character)
	}
	return construct(s), nil
}

// named looks up what a name of the JSON form stands for.
func named[V any](key, name string, names map[string]V) (V, error) {
	v, ok := names[name]
	if !ok {
		return v, fmt.Errorf("%s: unknown %q, want one of %s", key, name, strings.Join(slices.Sorted(maps.Keys(names)), ", "))
	}
	return v, nil
}

// checkDuplicates refuses a JSON object with the same key twice, of which encoding/json keeps the last in silence.
func checkDuplicates(d *json.Decoder, path string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for i := 0; d.More(); i++ {
		at := path + "/" + strconv.Itoa(i)
		if delim == '{' {
			key, err := d.Token()
			if err != nil {
				return err
			}
			at = path + "/" + fmt.Sprint(key)
			if seen[at] {
				return fmt.Errorf("%s stands there twice", at)
			}
			seen[at] = true
		}
		if err := checkDuplicates(d, at); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// withLine adds the line to an error that knows its offset.
func withLine(raw []byte, err error) error {
	var offset int64
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &typed):
		offset = typed.Offset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		end := int64(len(bytes.TrimRight(raw, " \t\r\n")))
		line := 1 + bytes.Count(raw[:end], []byte("\n"))
		return fmt.Errorf("line %d: want the rest of a spec behind byte %d, where the file ends", line, end)
	default:
		return err
	}
	line := 1 + bytes.Count(raw[:min(offset, int64(len(raw)))], []byte("\n"))
	return fmt.Errorf("line %d: %w", line, err)
}
