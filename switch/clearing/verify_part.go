package clearing

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// A part is a file among several that stand one behind the other; mostly it is all there is.
type part struct {
	id       string
	before   int // records before it
	messages int
	sumMinor int64
	unread   bool // an amount could not be read or added, so the sum cannot be judged
	last     int  // DE71 of the last record that had one, where hasLast
	hasLast  bool
	shift    int // of DE71 against the records' numbers, after records went missing
	trailer  bool
	sum      trailerValue
	count    trailerValue
}

// A trailerValue is a subelement of the trailer with its place.
type trailerValue struct {
	value string
	at    Finding
}

// number checks DE71. It begins with 1, rises strictly and ends with the number of messages, so it is the record's
// number. After records went missing the numbers go on shifted; that is one error, not one for each that follows.
func (v *verifier) number(r *Record) {
	n, ok := r.number()
	if !ok {
		return // reported already, as missing or malformed
	}
	p := &v.part
	follows := p.hasLast && n == p.last+1
	switch number := r.Number - p.before; {
	case n == number+p.shift:
	case follows:
		p.shift = n - number
	default:
		v.fail(r, int(r.spans[71].start), fieldName(71, 0), fmt.Sprintf("is %08d, %08d expected", n, number+p.shift))
	}
	p.last, p.hasLast = n, true
}

func (v *verifier) fileID(r *Record, kind messageKind) {
	if kind != kindHeader && kind != kindTrailer {
		return
	}
	id, ok := r.PDS(pdsFileID)
	if fault, _ := pdsFault(pdsFileID, id); !ok || fault != "" {
		return
	}
	p := &v.part
	if kind == kindHeader && r.Number == p.before+1 {
		p.id = id
		v.known(r, id)
		mode, _ := r.PDS(pdsMode)
		if fault, _ := pdsFault(pdsMode, mode); p.before == 0 && fault == "" {
			v.report.Mode = mode
		}
		if back, ok := r.PDS(pdsFileReversal); ok && p.before == 0 {
			v.report.TakesBack = back
		}
		if !strings.HasPrefix(id, fileIDType) {
			v.warn(r, r.pdsStart(pdsFileID), fieldName(0, pdsFileID), "its type is "+id[:3]+", 002 is a file made by a member")
		}
	}
	if kind == kindTrailer {
		p.sum = v.trailerValue(r, pdsSum)
		p.count = v.trailerValue(r, pdsCount)
		if p.id != "" && id != p.id {
			v.fail(r, r.pdsStart(pdsFileID), fieldName(0, pdsFileID), "is "+id+", the header has "+p.id)
		}
		if number := r.de71(); number != "" && p.count.value != "" && number != p.count.value {
			v.fail(r, int(r.spans[71].start), fieldName(71, 0), "is "+number+", but PDS0306 is "+p.count.value)
		}
	}
}

// known keeps the id of a file, which is its for all time.
func (v *verifier) known(r *Record, id string) {
	switch {
	case v.part.before == 0:
		v.report.FileID = id
		return
	case id == v.report.FileID || slices.Contains(v.report.FurtherIDs, id):
		v.fail(r, r.pdsStart(pdsFileID), fieldName(0, pdsFileID), "is "+id+", as that of a file before it")
		return
	}
	if len(v.report.FurtherIDs) < MaxFindings {
		v.report.FurtherIDs = append(v.report.FurtherIDs, id)
	}
}

// trailerValue takes a subelement of the trailer if it is well-formed.
func (v *verifier) trailerValue(r *Record, tag int) trailerValue {
	value, ok := r.PDS(tag)
	if fault, _ := pdsFault(tag, value); !ok || fault != "" {
		return trailerValue{}
	}
	return trailerValue{value, r.fault(r.pdsStart(tag), fieldName(0, tag), "").Finding}
}

// endPart checks what only the end of a file among several can tell.
func (v *verifier) endPart() {
	p := &v.part
	if !p.trailer {
		v.err(Finding{
			Record: p.before + p.messages, Offset: v.lastOffset, Message: "the last message is not the file trailer, 1644/695",
		})
	}
	if want := fmt.Sprintf("%08d", p.messages); p.count.value != "" && p.count.value != want {
		v.err(p.count.contradicted("the file has " + want + " messages"))
	}
	want := fmt.Sprintf("%0*d", sumDigits, p.sumMinor)
	if p.unread || p.sum.value == "" || p.sum.value == want {
		return
	}
	f := p.sum.contradicted("the amounts add up to " + want)
	if strings.Trim(p.sum.value, "0") == "" && !v.strict {
		v.addWarning(f) // clearing systems take it for a sum that is not given
		return
	}
	v.err(f)
}

func (t trailerValue) contradicted(truth string) Finding {
	t.at.Message = "is " + t.value + ", " + truth
	return t.at
}

// others holds the other files of the manifest against it.
func (v *verifier) others(o *VerifyOptions) error {
	for i := range o.Manifest.Files {
		told := &o.Manifest.Files[i]
		if told.Name == o.Name || o.Open == nil {
			continue
		}
		is, err := digestOf(told.Name, o.Open)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			v.addWarning(Finding{Message: told.Name + ", which its manifest has, too, is not there"})
		case err != nil:
			return err
		case is.Bytes != told.Bytes:
			v.err(Finding{Message: fmt.Sprintf("%s has %d bytes, its manifest says %d", told.Name, is.Bytes, told.Bytes)})
		case is.SHA256 != told.SHA256:
			v.err(Finding{Message: fmt.Sprintf("the SHA-256 of %s is %s, its manifest says %s", told.Name, is.SHA256,
				told.SHA256)})
		}
	}
	return nil
}

// digestOf reads a file to its end.
func digestOf(name string, open func(string) (io.ReadCloser, error)) (is ManifestFile, err error) {
	file, err := open(name)
	if err != nil {
		return is, err
	}
	digest := NewDigest(io.Discard)
	if _, err = io.Copy(digest, file); err != nil {
		err = fmt.Errorf("clearing: %s: %w", name, err)
	}
	return digest.File(name), errors.Join(err, file.Close())
}

// beside holds the file against its manifest.
func (v *verifier) beside(m *Manifest, is ManifestFile) {
	differs := func(what, is, told string) {
		if is != told {
			v.err(Finding{Message: "its " + what + " is " + is + ", its manifest says " + told})
		}
	}
	at := slices.IndexFunc(m.Files, func(f ManifestFile) bool { return f.Name == is.Name })
	if at < 0 {
		v.err(Finding{Message: "its manifest does not have the file's name, " + is.Name})
	} else {
		differs("SHA-256", is.SHA256, m.Files[at].SHA256)
		differs("length", strconv.FormatInt(is.Bytes, 10), strconv.FormatInt(m.Files[at].Bytes, 10))
	}
	differs("file id", v.report.FileID, m.FileID)
	differs("mode", v.report.Mode, m.Mode)
	differs("code page", v.report.CodePage, m.CodePage)
	differs("framing", v.report.Framing.String(), Framing{Blocked: m.Blocked, RDW: m.RDW}.String())
	if v.cutShort {
		return // the totals are of what could be read
	}
	differs("number of messages", strconv.Itoa(v.report.Totals.Messages), strconv.Itoa(m.Totals.Messages))
	differs("sum of amounts", strconv.FormatInt(v.report.Totals.SumMinor, 10), strconv.FormatInt(m.Totals.SumMinor, 10))
}
