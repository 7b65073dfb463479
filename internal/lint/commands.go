package lint

import (
	"regexp"
	"slices"
	"strings"
)

// Help returns what the program prints for the given commands followed by --help.
type Help func(commands []string) string

var (
	gyroCall = regexp.MustCompile(`(?:^|[\s/"(])gyro((?: [a-z][a-z0-9-]*)+)(.*)`)
	flagName = regexp.MustCompile(`(?:^|\s)(--[a-z][a-z0-9-]*)`)
	usage    = regexp.MustCompile(`(?m)^Usage:\n\s+gyro((?: [a-z][a-z0-9-]*)*)`)
)

// CheckCommands holds the commands and flags of gyro that the Markdown files of the module at root name against what
// the program says of itself.
func CheckCommands(root string, help Help) ([]Finding, error) {
	documents, err := readDocuments(root)
	if err != nil {
		return nil, err
	}
	var found findings
	said := map[string]string{}
	for _, d := range documents {
		for _, l := range d.code {
			m := gyroCall.FindStringSubmatch(l.text)
			if m == nil {
				continue
			}
			words := strings.Fields(m[1])
			key := strings.Join(words, " ")
			if _, asked := said[key]; !asked {
				said[key] = help(words)
			}
			checkCommand(&found, d, l, words, m[2], said[key])
		}
	}
	return found.sorted(), nil
}

// checkCommand looks at one call. Words behind a command without commands of its own are its arguments.
func checkCommand(found *findings, d *document, l line, words []string, rest, help string) {
	m := usage.FindStringSubmatch(help)
	if m == nil {
		found.add("command", place(d, l), "names gyro %s, for which the program has no help", strings.Join(words, " "))
		return
	}
	command := strings.Fields(m[1])
	known := len(command) <= len(words) && slices.Equal(command, words[:len(command)])
	if !known || len(command) < len(words) && (len(command) == 0 || strings.Contains(help, "Available Commands:")) {
		found.add("command", place(d, l), "names gyro %s, which is no command; the program knows gyro %s", strings.Join(words, " "), strings.Join(command, " "))
		return
	}
	rest, _, _ = strings.Cut(rest, " | ") // what follows is another program's
	for _, flag := range flagName.FindAllStringSubmatch(rest, -1) {
		if !regexp.MustCompile(regexp.QuoteMeta(flag[1]) + `\b`).MatchString(help) {
			found.add("flag", place(d, l), "names %s, which gyro %s does not have", flag[1], strings.Join(command, " "))
		}
	}
}
