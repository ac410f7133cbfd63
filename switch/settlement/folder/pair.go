package folder

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/internal/pan"
	"switchyard/internal/vfs"
	"switchyard/switch/clearing"
	"switchyard/switch/settlement"
)

// A summed is a file that is hashed while it is read, for what the manifest says of it.
type summed struct {
	io.Reader
	name   string // with its folder
	file   vfs.File
	digest *clearing.Digest
	told   clearing.ManifestFile
}

func (c *clearingFolder) open(dir, name string, m *clearing.Manifest) (*summed, error) {
	s := &summed{name: c.fs.PathJoin(dir, name), digest: clearing.NewDigest(io.Discard)}
	at := slices.IndexFunc(m.Files, func(f clearing.ManifestFile) bool { return f.Name == name })
	if at < 0 {
		return nil, fmt.Errorf("%s: its manifest does not have it", s.name)
	}
	s.told = m.Files[at]
	var err error
	if s.file, err = openRegular(c.fs, s.name); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	s.Reader = io.TeeReader(s.file, s.digest)
	return s, nil
}

func (s *summed) close() { _ = s.file.Close() } // it was read only

// check reads the rest, and holds all of it against the manifest.
func (s *summed) check() error {
	if _, err := io.Copy(io.Discard, s.Reader); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	switch is := s.digest.File(s.told.Name); {
	case is.Bytes != s.told.Bytes:
		return fmt.Errorf("%s: it has %d bytes, its manifest says %d", s.name, is.Bytes, s.told.Bytes)
	case is.SHA256 != s.told.SHA256:
		return fmt.Errorf("%s: its SHA-256 is %s, its manifest says %s", s.name, is.SHA256, s.told.SHA256)
	}
	return nil
}

// A pair is a clearing file and its detail file, read side by side: a row a presentment.
type pair struct {
	manifest    *clearing.Manifest
	ipm, detail *summed
	take        taker

	reader   *clearing.Reader
	begun    bool // the header was read
	ended    bool // the trailer was
	row      int
	sumMinor int64
	tally    clearing.Tally
}

// read hands out the presentments, and holds records, rows, trailer and manifest against each other. What has been
// handed out counts only if there is no error.
func (p *pair) read() (err error) {
	if p.reader, err = clearing.NewReader(p.ipm); err != nil {
		return fmt.Errorf("%s: %w", p.ipm.name, err)
	}
	for row, err := range clearing.ReadDetail(p.detail) {
		if err != nil {
			return fmt.Errorf("%s: %w", p.detail.name, err)
		}
		p.row++
		r, err := p.presentment()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: row %d has no record in the clearing file", p.detail.name, p.row)
		}
		if err != nil {
			return err
		}
		if err := p.both(r, &row); err != nil {
			return err
		}
	}
	switch r, err := p.presentment(); {
	case err == nil:
		return p.wrong(r, "", "it has no row in the detail file")
	case !errors.Is(err, io.EOF):
		return err
	case !p.ended:
		return fmt.Errorf("%s: it has no trailer", p.ipm.name)
	}
	if err := errors.Join(p.ipm.check(), p.detail.check()); err != nil {
		return err
	}
	return p.totals()
}

// wrong says what is wrong with a field of a record.
func (p *pair) wrong(r *clearing.Record, field, message string) error {
	if field != "" {
		field += ": "
	}
	return fmt.Errorf("%s: record %d: %s%s", p.ipm.name, r.Number, field, message)
}

// presentment is the next 1240, or io.EOF.
func (p *pair) presentment() (*clearing.Record, error) {
	for {
		r, err := p.reader.Next()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.ipm.name, err)
		}
		switch kind := r.MTI + r.FunctionCode(); {
		case !p.begun && kind == "1644697":
			p.begun = true
			err = p.held(r, 105, p.manifest.FileID)
		case !p.begun:
			err = p.wrong(r, "", "it is no file header, 1644/697")
		case p.ended:
			err = p.wrong(r, "", "it stands behind the trailer")
		case kind == "1644695":
			p.ended = true
			err = errors.Join(p.held(r, 105, p.manifest.FileID),
				p.held(r, 301, fmt.Sprintf("%016d", p.manifest.Totals.SumMinor)),
				p.held(r, 306, fmt.Sprintf("%08d", p.manifest.Totals.Messages)))
		case r.MTI == "1240":
			return r, nil
		default:
			err = p.wrong(r, "", r.Kind()+": it is none of what a switch writes")
		}
		if err != nil {
			return nil, err
		}
	}
}

// held holds a subelement of header or trailer against the manifest.
func (p *pair) held(r *clearing.Record, tag int, told string) error {
	if value, _ := r.PDS(tag); value != told {
		return p.wrong(r, clearing.FieldName(0, tag), fmt.Sprintf("%q: the manifest says %s",
			settlement.Printable(value), told))
	}
	return nil
}

// both holds a record against its row, and hands out what they say.
func (p *pair) both(r *clearing.Record, row *clearing.DetailRow) error {
	amount, ok := r.AmountMinor()
	if !ok {
		return p.wrong(r, clearing.FieldName(4, 0), "it is missing, or no number")
	}
	refund := r.Debits() == r.Reversal()
	kind := "purchase"
	if refund {
		kind = "refund"
	}
	number := r.Text(2)
	for _, same := range []struct {
		de          int
		is, isInRow string
	}{
		{31, r.Text(31), row.ARN},
		{4, strconv.FormatInt(amount, 10), strconv.FormatInt(row.AmountMinor, 10)},
		{49, money.Current(r.Currency()), money.Current(row.Currency)},
		{3, kind, row.Kind},
		{48, "reversal " + strconv.FormatBool(r.Reversal()), "reversal " + strconv.FormatBool(row.Reversal)},
		{24, r.FunctionCode(), row.FunctionCode},
		{42, strings.TrimRight(r.Text(42), " "), strings.TrimRight(row.Merchant, " ")},
		{2, pan.Mask(number), row.Card},
	} {
		if same.is != same.isInRow {
			return p.wrong(r, clearing.FieldName(same.de, 0), fmt.Sprintf("%q: row %d of the detail file says %q",
				settlement.Printable(same.is), p.row, settlement.Printable(same.isInRow)))
		}
	}
	p.tally.Add(row.Currency, r.Debits(), amount)
	p.sumMinor += amount
	err := p.take(&settlement.Presented{
		Merchant: row.Merchant, MerchantName: row.MerchantName, FeePlan: row.FeePlan, Scheme: pan.Brand(number),
		Currency: row.Currency, AmountMinor: amount, Refund: refund, Reversal: r.Reversal(),
		Second: r.FunctionCode() != "200",
	}, r, p.manifest.FileID)
	if err != nil {
		return p.wrong(r, fmt.Sprintf("row %d of the detail file", p.row), err.Error())
	}
	return nil
}

// totals holds what was read against what the manifest says.
func (p *pair) totals() error {
	told := &p.manifest.Totals
	switch {
	case p.row != told.Presentments:
		return fmt.Errorf("%s: it has %d presentments, its manifest says %d", p.ipm.name, p.row, told.Presentments)
	case p.sumMinor != told.SumMinor:
		return fmt.Errorf("%s: its amounts add up to %d, its manifest says %d", p.ipm.name, p.sumMinor, told.SumMinor)
	case !slices.Equal(p.tally.Sorted(), told.Currencies):
		return fmt.Errorf("%s: totals.currencies of its manifest are not what its records add up to", p.ipm.name)
	}
	return nil
}
