package folder

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"switchyard/internal/money"
	"switchyard/internal/vfs"
	"switchyard/internal/workday"
	"switchyard/switch/clearing"
	"switchyard/switch/settlement"
)

// The bounds of the folder of incoming files.
const (
	maxIncomingDepth   = 4       // folders one below the other
	maxIncomingRecords = 1 << 21 // records that move money: they are kept until their presentment is found
)

// An incomingFile is a file of a clearing system. One that is not taken has an exception and no records.
type incomingFile struct {
	name    string // with its folder
	id      string // PDS0105, or ""
	date    workday.Date
	mode    string
	records []incomingRecord
	wrong   *settlement.Exception
	late    bool // it came after its date was settled
}

// An incomingRecord is one that moves money of a merchant, or tells that nothing moved.
type incomingRecord struct {
	number      int
	kind        string // 1442/450 first chargeback, full
	key         clearing.RecordKey
	rejected    bool   // it stands behind a message exception: it is ours, and was not accepted
	source      string // of what was rejected: the id of the file that presented it
	rejects     string // a message exception without a record behind it: what it says of that
	refused     string // the id of a file that was refused as a whole
	doubted     string // why it may have been taken all the same
	amountMinor int64
	currency    string // of DE49, as money.Current has it
	processing  string // DE3
	debits      bool   // the cardholder
	reversal    bool
	reason      string // DE25
	interchange string // PDS0146
	fault       string // what is wrong with it by itself
}

// readIncoming reads the incoming folder: all files that are dated no later than a date, by date and id.
func readIncoming(fs vfs.FS, dir string, to workday.Date) ([]*incomingFile, error) {
	names, err := ipmFiles(fs, dir, maxIncomingDepth)
	if err != nil {
		return nil, err
	}
	var files []*incomingFile
	records := 0
	for _, name := range names {
		f, err := readIncomingFile(fs, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if f.date > to {
			continue
		}
		if records += len(f.records); records > maxIncomingRecords {
			return nil, fmt.Errorf("%s: with it there are more than %d records that move money", name, maxIncomingRecords)
		}
		files = append(files, f)
	}
	slices.SortStableFunc(files, func(a, b *incomingFile) int {
		return cmp.Or(cmp.Compare(a.date, b.date), cmp.Compare(a.id, b.id))
	})
	return files, nil
}

// ipmFiles lists the clearing files of a folder and those below it, by name. What begins with a dot is not meant.
func ipmFiles(fs vfs.FS, dir string, depth int) (names []string, err error) {
	entries, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(entries)
	for _, entry := range entries {
		if strings.HasPrefix(entry, ".") {
			continue
		}
		name := fs.PathJoin(dir, entry)
		info, err := fs.Stat(name)
		if err != nil {
			return nil, err
		}
		switch {
		case info.IsDir() && depth > 0:
			below, err := ipmFiles(fs, name, depth-1)
			if err != nil {
				return nil, err
			}
			names = append(names, below...)
		case !info.IsDir() && strings.HasSuffix(entry, ipmEnding):
			names = append(names, name)
		}
	}
	return names, nil
}

// readIncomingFile reads a file twice, as a stream: whether it is whole, and what it says. One that is not moves
// nothing; a record that is wrong by itself is an exception by itself. The error is that of reading.
func readIncomingFile(fs vfs.FS, name string) (*incomingFile, error) {
	f := &incomingFile{name: name}
	file, err := openRegular(fs, name)
	if err != nil {
		return nil, err
	}
	report, err := clearing.Verify(file, clearing.VerifyOptions{Envelope: true})
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	f.id, f.mode = report.FileID, report.Mode
	id, errID := clearing.ParseFileID(report.FileID)
	if errID == nil {
		f.date = workday.Of(id.Date)
	}
	switch {
	case report.ErrorCount > 0:
		f.refuse(settlement.RefusedFile, "it is not right: "+report.Errors[0].String())
	case errID != nil:
		f.refuse(settlement.RefusedFile, errID.Error())
	case len(report.FurtherIDs) > 0:
		f.refuse(settlement.RefusedFile, "several files stand in it, one behind the other")
	case id.Type != clearing.MadeByClearing:
		f.refuse(settlement.RefusedFile, "its type is not "+clearing.MadeByClearing+", of a clearing system")
	default:
		return f, f.read(fs)
	}
	return f, nil
}

func (f *incomingFile) refuse(kind settlement.ExceptionKind, message string) {
	f.records = nil
	f.wrong = &settlement.Exception{Kind: kind, File: f.name, Message: message}
}

// read keeps the records that move money.
func (f *incomingFile) read(fs vfs.FS) error {
	file, err := openRegular(fs, f.name)
	if err != nil {
		return err
	}
	defer file.Close()
	reader, err := clearing.NewReader(file)
	if err != nil {
		return err
	}
	rejects := incomingRecord{} // the record before, if it was a message exception
	for {
		r, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		rejected, source := rejects.number > 0, rejects.source
		if rejected && r.MTI == "1644" { // what it rejects could not be taken apart
			f.records = append(f.records, rejects)
		}
		rejects = incomingRecord{}
		switch {
		case r.MTI != "1644":
			f.records = append(f.records, incoming(r, rejected, source))
		case r.FunctionCode() == "699":
			f.records = append(f.records, incomingRecord{
				number: r.Number, kind: r.Kind(), refused: refusedID(r), doubted: doubted(r),
			})
		}
		if r.MTI == "1644" && r.FunctionCode() == "691" {
			number, _ := r.PDS(138)
			rejects = incomingRecord{
				number: r.Number, kind: r.Kind(), rejects: settlement.Printable(number) + " of file " + refusedID(r),
				source: refusedID(r),
			}
		}
		if len(f.records) > maxIncomingRecords {
			return fmt.Errorf("it has more than %d records that move money", maxIncomingRecords)
		}
	}
}

// refusedID is the id of the file that a file reject tells of.
func refusedID(r *clearing.Record) string {
	id, _ := r.PDS(280)
	return settlement.Printable(id)
}

// doubted tells why a file that was refused may have been taken all the same: it was refused for its id, as one that is
// delivered twice is the second time, or the refusal is taken back.
func doubted(r *clearing.Record) string {
	if r.Reversal() {
		return ", which is taken back"
	}
	const entryWidth, fileID = 14, "P0105"
	for text, _ := r.PDS(5); len(text) >= entryWidth; text = text[entryWidth:] {
		if strings.HasPrefix(text, fileID) {
			return " for its id, as a file that is delivered twice"
		}
	}
	return ""
}

func incoming(r *clearing.Record, rejected bool, source string) incomingRecord {
	amount, _ := r.AmountMinor() // what has none is a fault
	interchange, _ := r.PDS(146)
	return incomingRecord{
		number: r.Number, kind: r.Kind(), key: r.Key(), rejected: rejected, source: source, amountMinor: amount,
		fault:    faultOf(r),
		currency: money.Current(r.Currency()), processing: r.Text(3), reversal: r.Reversal(),
		// A chargeback has DE3 of what it is of, and goes the other way.
		debits: r.Debits() != (r.MTI == "1442"),
		reason: settlement.Printable(r.Text(25)), interchange: interchange,
	}
}

// faultOf is the first thing that is wrong with a record by itself, or "". An exponent that is not the currency's
// (PDS0148) is what others live with. What is charged back or presented again with an issuer reference for which the
// switch does not book it is not counted either.
func faultOf(r *clearing.Record) string {
	for _, f := range r.Check() {
		if _, pds := f.Element(); pds != 148 {
			return f.Field + ": " + f.Message
		}
	}
	if r.MTI != "1740" && !r.IssuerReferenceRepeats() {
		return clearing.FieldName(95, 0) + ": it has characters that a second presentment could not repeat"
	}
	return ""
}

// An entry of PDS0146 has 36 characters: fee type 2, processing 2, settlement indicator 2, currency 3, amount 12,
// currency that is settled in 3, amount 12.
const (
	entryWidth      = 36
	entryProcessing = 2
	entryCurrency   = 6
	entryAmount     = 9
	entrySettledIn  = 21
	entrySettled    = 24
)

// interchangeOf adds up the entries of PDS0146 in the currency of the presentment: what is charged, or, negative, given
// back. An entry says no more than its processing code does, of which the plan knows what it means.
func interchangeOf(i *incomingRecord, plan *settlement.Plan) (minor int64, err error) {
	value := i.interchange
	if len(value)%entryWidth != 0 {
		return 0, fmt.Errorf("PDS0146: it has %d characters, expected entries of %d", len(value), entryWidth)
	}
	for n := 1; value != ""; n++ {
		entry := value[:entryWidth]
		value = value[entryWidth:]
		currency, amount := entry[entryCurrency:entryAmount], entry[entryAmount:entrySettledIn]
		if letters(currency) != i.currency {
			currency, amount = entry[entrySettledIn:entrySettled], entry[entrySettled:]
		}
		if letters(currency) != i.currency {
			return 0, fmt.Errorf("PDS0146, entry %d: it is in %s and %s, the record in %s", n,
				letters(entry[entryCurrency:entryAmount]), letters(currency), i.currency)
		}
		part, err := strconv.ParseUint(amount, 10, 63)
		if err != nil {
			return 0, fmt.Errorf("PDS0146, entry %d: amount: expected 12 digits", n)
		}
		sign, err := plan.InterchangeSign(entry[entryProcessing:entryProcessing+2], i.debits)
		if err != nil {
			return 0, fmt.Errorf("PDS0146, entry %d: %w", n, err)
		}
		minor += sign * int64(part) // twelve digits each, and at most 27 entries
	}
	return minor, nil
}

// letters are those of a currency by its digits; what is unknown stays as it is.
func letters(numeric string) string {
	if c, ok := money.ByNumeric(numeric); ok {
		return c.Alpha
	}
	return settlement.Printable(numeric)
}
