package folder_test

import (
	"strings"
	"testing"
	"time"

	"switchyard/switch/clearing"
	"switchyard/switch/settlement/folder"
)

// window and last are what a manifest says of its file.
func window(n int) func(*clearing.Manifest) {
	return func(m *clearing.Manifest) { m.Window = n }
}

func last(sequence int) func(*clearing.Manifest) {
	return func(m *clearing.Manifest) { m.LastSequence = sequence }
}

// writeBy writes a file with one purchase of a processor of a date.
func (d *desk) writeBy(processor, date string, sequence int, change func(*clearing.Manifest)) {
	d.t.Helper()
	at, err := time.Parse(time.DateOnly, date)
	d.must(err)
	h := clearing.Header{FileID: clearing.FileID{Date: at, ProcessorID: processor, Sequence: sequence}}
	d.writeFile(h, change, d.purchase("SHOP", 100))
}

// A date is settled when all of its files are there, of windows and of the cutover, of however many processor ids and
// nodes.
func TestWholeDate(t *testing.T) {
	none := func(*clearing.Manifest) {}
	type file struct {
		processor string
		sequence  int
		says      func(*clearing.Manifest)
	}
	for _, x := range []struct {
		name  string
		files []file
		want  string // in the error; "": there is none
	}{
		{"open, with a window", []file{{"12345", 1, window(1)}},
			name(thursday, 1) + ".manifest.json: it is of window 1 of visa, and its business date has no last file"},
		{"open, with two", []file{{"12345", 1, window(1)}, {"12345", 2, window(2)}},
			name(thursday, 2) + ".manifest.json: it is of window 2 of visa"},
		{"written to its end", []file{{"12345", 1, window(1)}, {"12345", 2, window(2)}, {"12345", 3, last(3)}}, ""},
		{"the last one cannot be written", []file{{"12345", 1, window(1)}, {"12345", 2, last(3)}},
			name(thursday, 2) + ".manifest.json: the last file of its business date, of sequence 00003, is missing"},
		{"without windows, the last one cannot be written", []file{{"12345", 1, last(2)}},
			"the last file of its business date, of sequence 00002, is missing"},
		{"a window cannot be written", []file{{"12345", 1, window(1)}, {"12345", 3, last(3)}},
			"the file of sequence 00002 before it is missing"},
		{"written once more under other sequences", []file{{"12345", 1, last(2)}, {"12345", 2, none}, {"12345", 3, last(4)},
			{"12345", 4, last(4)}}, ""},
		{"written before manifests said so", []file{{"12345", 1, none}, {"12345", 2, none}}, ""},
		{"a window from before", []file{{"12345", 1, none}, {"12345", 2, last(2)}}, ""},
		{"another processor id since the window", []file{{"12345", 1, window(1)}, {"00002", 2, window(2)},
			{"99999", 3, last(3)}}, ""},
		{"and back again", []file{{"12345", 1, window(1)}, {"99999", 2, window(2)}, {"12345", 3, last(3)}}, ""},
		{"another processor id, and a gap", []file{{"12345", 1, window(1)}, {"99999", 3, last(3)}},
			"the file of sequence 00002 before it is missing"},
		{"two switches", []file{{"12345", 1, last(2)}, {"12345", 2, last(2)}, {"99999", 1, window(1)}, {"99999", 2, last(2)}},
			""},
		{"two switches, one of which is open", []file{{"12345", 1, last(2)}, {"12345", 2, last(2)}, {"99999", 1, window(1)}},
			"it is of window 1"},
		{"two switches, the first file of the second of which is missing", []file{{"12345", 1, last(1)},
			{"99999", 2, last(2)}}, "2.manifest.json: the file of sequence 00001 before it is missing"},
		{"the first two, of which it has windows", []file{{"12345", 1, last(2)}, {"12345", 2, last(2)},
			{"99999", 3, window(3)}, {"99999", 4, last(4)}}, "3.manifest.json: the file of sequence 00001 before it is missing"},
		{"the one that has the other's sequence", []file{{"12345", 1, window(1)}, {"99999", 2, last(2)},
			{"12345", 3, last(3)}}, name(thursday, 3) + ".manifest.json: the file of sequence 00002 before it is missing"},
		{"a node's first one", []file{{"12345", 1001, last(1001)}, {"99999", 1002, last(1002)}},
			"2.manifest.json: the file of sequence 01001 before it is missing"},
		{"two nodes, each with another processor id since its window", []file{{"12345", 1001, window(1)},
			{"99999", 1002, last(1002)}, {"12345", 2001, window(1)}, {"99999", 2002, last(2002)}}, ""},
		{"two nodes", []file{{"12345", 1001, window(1)}, {"12345", 1002, last(1002)}, {"12345", 2001, last(2001)}}, ""},
		{"two nodes, one of which is open", []file{{"12345", 1001, window(1)}, {"12345", 2001, last(2001)}},
			"it is of window 1"},
	} {
		d := newDesk(t)
		for _, f := range x.files {
			d.writeBy(f.processor, thursday, f.sequence, f.says)
		}
		run, err := d.settle(thursday, thursday)
		if x.want == "" && err == nil && len(run.Files) == len(x.files) && len(run.Exceptions) == 0 {
			continue
		}
		if x.want == "" || err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v; want %s", x.name, err, x.want)
		}
	}
}

// What a period was settled without is found by the next one: a file that was written since is not lost.
func TestFileBehindThePeriod(t *testing.T) {
	d := newDesk(t)
	d.write(thursday, 1, d.purchase("SHOP", 10_000))
	d.write(saturday, 1, d.purchase("SHOP", 1))
	before, err := d.settle(thursday, friday)
	d.must(err)
	opening := func(o *folder.Options) { o.Opening = before }
	if _, err := d.settle(saturday, saturday, opening); err != nil {
		t.Error(err)
	}
	d.write(friday, 1, d.purchase("SHOP", 700))
	want := "the opening statements: files: " + name(friday, 1) + ".ipm of 2026-11-27 is not among them"
	if _, err := d.settle(saturday, saturday, opening); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v; want %s", err, want)
	}
	before, err = d.settle(thursday, friday)
	d.must(err)
	if run, err := d.settle(saturday, saturday, opening); err != nil || run.Statements[0].OpeningMinor != 0 {
		t.Errorf("%+v, %v", run, err)
	}
}
