# Compares the headers of invalid/*.mimo with what mimoc reported: first README.md, then the declarations,
# then their reports NAME.json, each with its exit status in a line "status N" at the end. Prints what
# differs.

function name_of(path) {
    sub(/.*\//, "", path)
    sub(/\.[a-z]*$/, "", path)
    return path
}

function complain(text) {
    print text
    failures++
}

# "# expect: CODE LINE:COLUMN", perhaps followed by " help: TEXT"
function expect(line,    text) {
    text = line
    if (sub(/^.* help: /, "", text))
        help[name, expectation_count[name]] = text
    split(line, word, " ")
    expected[name, expectation_count[name]++] = word[3] " " word[4]
    if (word[3] ~ /^E/)
        has_error[name] = 1
}

# One diagnostic: takes the first expectation with its code and place.
function report(line,    code, place, i) {
    code = place = line
    sub(/^[^"]*"code": "/, "", code)
    sub(/".*/, "", code)
    match(place, /"line": [0-9]+, "column": [0-9]+, "end_line"/)
    split(substr(place, RSTART, RLENGTH), word, /[^0-9]+/)
    place = word[2] ":" word[3]
    for (i = 0; i < expectation_count[name]; i++) {
        if (expected[name, i] != code " " place || is_met[name, i])
            continue
        is_met[name, i] = 1
        if ((name, i) in help && !index(line, help[name, i]))
            complain(name ": " code " has no help that says \"" help[name, i] "\"")
        return
    }
    complain(name ": not expected: " code " at " place)
}

FILENAME == "README.md" { page = page $0 "\n"; next }

FNR == 1 { name = name_of(FILENAME); is_report = FILENAME ~ /\.json$/; names[name] }

!is_report && /^# class: [a-z]/ { has_class[name] = 1 }
!is_report && /^# thread: [A-Za-z0-9._-]+\/[A-Za-z0-9._-]+#[0-9]+$/ {
    has_thread[name] = 1
    if (!match(page, $3 "[^0-9]"))
        complain(name ": README.md lacks " $3)
}
!is_report && /^# expect: [EW][0-9]+ [0-9]+:[0-9]+( help: .+)?$/ { expect($0); next }
!is_report && /^# expect/ { complain(name ": cannot be read: " $0) }

is_report && /^ *\{ ?"code": "/ { report($0) }
is_report && /^status / {
    if ($2 != has_error[name] + 0)
        complain(name ": exit status " $2)
}

END {
    for (name in names) {
        if (!has_class[name])
            complain(name ": names no class")
        if (!has_thread[name])
            complain(name ": names no thread")
        if (!expectation_count[name])
            complain(name ": expects nothing")
        for (i = 0; i < expectation_count[name]; i++)
            if (!is_met[name, i])
                complain(name ": not reported: " expected[name, i])
    }
    exit failures > 0
}
