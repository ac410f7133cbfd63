package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"pgregory.net/rapid"

	"switchyard/switch/clearing"
	"switchyard/switch/incoming"
	"switchyard/switch/operator/client"
)

// Some of the clearing system's files come once more under their id and with other bytes: in another code page, without
// their last record, or with chargebacks twice; when they were taken, and when a crash has cut their taking short. The
// switch refuses them over its port, and puts them aside in its folder, and the true file counts as before.

func init() { addTopic(topic{name: "changed", since: 27, draw: drawChanged}) }

const changedPercent = 40

func drawChanged(t *rapid.T, p *Plan) section {
	if _, answered := sectionOf[incomingSection](p); !answered || !percent(t, changedPercent) {
		return nil
	}
	if _, restored := sectionOf[restoreSection](p); restored {
		return nil // an earlier copy of the journal knows no id that came since
	}
	return changedSection{}
}

type changedSection struct{}

// String implements section.
func (changedSection) String() string { return "files that came back come again with other bytes" }

func (changedSection) begin(w *world) any { return &changedPart{w: w, offers: map[string]int{}} }

// changedPart is called by the part that brings files, one call at a time.
type changedPart struct {
	w       *world
	offers  map[string]int // of a file, by its name
	dropped []string       // names in the folder
}

// maxOffers is how often a file comes with other bytes.
const maxOffers = 3

// offer brings a file that the switch knows, of whatever part, with other bytes.
func (s *changedPart) offer(name string, text []byte) {
	about := hashOf(name) + uint64(s.offers[name])
	if s.offers[name] == maxOffers || !s.w.chance.oneIn(2, "changed", about) {
		return
	}
	s.offers[name]++
	changed, err := otherBytes(text, s.w.chance.below(changes, "how it is changed", about))
	switch {
	case err != nil:
		s.w.failf("a file that came back cannot be read", "%s: %v", name, err)
	case bytes.Equal(changed, text):
	case s.w.chance.oneIn(3, "into the folder", about):
		s.drop(fmt.Sprintf("changed-%d-%s", s.offers[name], name), changed)
	default:
		s.receive(name, changed)
	}
}

// How a file's bytes are changed.
const (
	inCodePage    = iota // it has the other one
	inLastRecord         // it is not there
	inChargebacks        // each is there twice
	changes
)

// otherBytes is a whole file of the same id.
func otherBytes(text []byte, how int) ([]byte, error) {
	var records int
	err := eachRecord(text, func(_ *clearing.Reader, r *clearing.Record) error {
		records = r.Number
		return nil
	})
	if err != nil {
		return nil, err
	}
	var changed bytes.Buffer
	var out *clearing.Writer
	err = eachRecord(text, func(in *clearing.Reader, r *clearing.Record) (err error) {
		switch {
		case r.Number == 1:
			out, err = writerLike(&changed, in, r, how == inCodePage)
		case r.Number == records: // the writer makes the trailer
			_, err = out.Close()
		case r.Number == records-1 && how == inLastRecord:
		default:
			if err = out.WriteRecord(r); err == nil && how == inChargebacks && r.MTI == "1442" {
				err = out.WriteRecord(r)
			}
		}
		return err
	})
	return changed.Bytes(), err
}

func eachRecord(text []byte, do func(in *clearing.Reader, r *clearing.Record) error) error {
	in, err := clearing.NewReader(bytes.NewReader(text))
	for err == nil {
		var r *clearing.Record
		if r, err = in.Next(); err == nil {
			err = do(in, r)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// writerLike begins a file like another one, whose header it is given; in the other code page, or in the same.
func writerLike(to io.Writer, in *clearing.Reader, header *clearing.Record, otherPage bool) (*clearing.Writer, error) {
	const pdsFileID, pdsMode = 105, 122
	text, _ := header.PDS(pdsFileID)
	id, err := clearing.ParseFileID(text)
	if err != nil {
		return nil, err
	}
	mode, _ := header.PDS(pdsMode)
	page := in.CodePage()
	switch {
	case !otherPage:
	case page == clearing.ASCII:
		page = clearing.CP500
	default:
		page = clearing.ASCII
	}
	return clearing.NewWriter(to, clearing.Header{
		FileID: id, Production: mode == "P", CodePage: page, Blocked: in.Framing().Blocked, RDW: in.Framing().RDW,
	})
}

// receive gives the switch a file that it must refuse, if it is up.
func (s *changedPart) receive(name string, text []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := s.w.nodes[0].api().Receive(ctx, "changed-"+name, bytes.NewReader(text))
	why, refused := client.Refused(err)
	_, unfit := client.Unfit(err)
	switch {
	case err == nil:
		s.w.failf("I18 a file is taken under the id of another", "%s", name)
	case refused && strings.Contains(why, "with other bytes"):
		s.w.faults.add("file with other bytes under a known id", 1)
		s.w.trace.addf("switch", "has refused %s with other bytes", name)
	case unfit:
		s.w.failf("I18 a file with other bytes is refused for something else", "%s: %v", name, err)
	}
}

// drop puts a file that the switch must refuse into its folder.
func (s *changedPart) drop(name string, text []byte) {
	l := s.w.nodes[0].running()
	if l == nil {
		return
	}
	if err := dropInto(l.mem, name, text); err != nil {
		s.w.failf("a file cannot be put into the folder of the switch", "%s: %v", name, err)
	}
	s.dropped = append(s.dropped, name)
}

// begun tells whether the switch knows a file that it has not taken whole.
func (s *changedPart) begun(name string) (begun bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := s.w.nodes[0].api().EachIncoming(ctx, func(f *incoming.File) error {
		begun = begun || f.Taken.IsZero() && f.FileID+".ipm" == name
		return nil
	})
	return err == nil && begun
}

// conclude implements concludes: what was put into the folder stands among what was refused. Some of it a crash has
// taken, or was put where no switch looks any more.
func (s *changedPart) conclude() {
	const patience = 5 * time.Minute
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Second) {
		waiting := ""
		for _, name := range s.dropped {
			if s.where(name) == incomingFolder {
				waiting = name
			}
		}
		if waiting == "" {
			break
		}
		if time.Now().After(deadline) {
			s.w.failf("I18 a file with other bytes stays in the folder", "%s", waiting)
			return
		}
	}
	for _, name := range s.dropped {
		switch folder := s.where(name); folder {
		case incomingFolder + "/refused":
			s.w.faults.add("file with other bytes put aside", 1)
		case "":
		default:
			s.w.failf("I18 a file is taken under the id of another", "%s stands in %s", name, folder)
		}
	}
}

// where is the folder in which a file stands; "" for none.
func (s *changedPart) where(name string) (folder string) {
	err := s.w.nodes[0].walkIn(incomingFolder, func(path string, _ []byte) error {
		if at, found := strings.CutSuffix(path, "/"+name); found {
			folder = at
		} else if strings.HasSuffix(path, "/.taking-"+name) {
			folder = incomingFolder
		}
		return nil
	})
	if err != nil {
		return "" // there is none
	}
	return folder
}
