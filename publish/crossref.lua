-- What pandoc needs to read Quarto's Markdown: profiles, and the numbers of figures, tables, equations, sections
-- and exercises with the references to them. Maths and tables leave as HTML; smalldocs reads the rest.

local names = {fig = 'Figure', tbl = 'Table', eq = 'Equation', sec = 'Section', exr = 'Exercise'}
local counts, numbers, cited = {}, {}, false

local function html(text) return pandoc.RawBlock('html', text) end

local function kind_of(id)
  local kind = id:match '^(%l+)%-'
  return names[kind] and kind
end

-- "Figure 3", after noting that `id` has number 3.
local function number(id)
  local kind = kind_of(id)
  counts[kind] = (counts[kind] or 0) + 1
  numbers[id] = tostring(counts[kind])
  return names[kind] .. '\u{a0}' .. numbers[id]
end

-- Content of an element that a profile shows, nothing for one that it hides.
local function conditional(el)
  local profile, active = el.attributes['when-profile'], os.getenv 'QUARTO_PROFILE' or ''
  if not profile then return nil end
  local on = (',' .. active .. ','):find(',' .. profile .. ',', 1, true) ~= nil
  return on == el.classes:includes 'content-visible' and el.content or {}
end

-- Figures and tables with an id of their own, in the general form: a div that ends with its caption.
local function as_div(el, content)
  local caption = pandoc.Para(pandoc.utils.blocks_to_inlines(el.caption.long))
  return pandoc.Div({content, caption}, {id = el.identifier})
end

local general = {
  Figure = function(figure)
    local image = figure.content[1].content[1]
    image.attributes['fig-alt'] = image.attributes['fig-alt'] or pandoc.utils.stringify(image.caption)
    image.caption = {}
    return kind_of(figure.identifier) and as_div(figure, pandoc.Para {image})
  end,
  Table = function(tbl)
    return kind_of(tbl.identifier) and as_div(tbl, pandoc.Table({}, tbl.colspecs, tbl.head, tbl.bodies, tbl.foot))
  end,
  Div = conditional,
  Span = conditional,
}

-- A numbered figure with its caption below, or table with its caption above.
local function float(id, content, caption)
  local text = pandoc.Inlines {number(id) .. (#caption > 0 and ': ' or '')} .. caption
  local captioned = pandoc.Blocks {html '<figcaption>', pandoc.Plain(text), html '</figcaption>'}
  if kind_of(id) == 'tbl' then captioned:extend(content) else captioned = content .. captioned end
  captioned:insert(1, html(('<figure id="%s" class="quarto-float quarto-float-%s">'):format(id, kind_of(id))))
  captioned:insert(html '</figure>')
  return captioned, false
end

local function exercise(div)
  local name = div.content[1].t == 'Header' and pandoc.utils.stringify(div.content:remove(1))
  local title = number(div.identifier) .. (name and ' (' .. name .. ')' or '')
  div.content:insert(1, pandoc.Para(pandoc.Span(pandoc.Strong(title), {class = 'theorem-title'})))
  div.classes:extend {'theorem', 'exercise'}
  return div
end

local numbering = {
  traverse = 'topdown',
  Div = function(div)
    local kind, last = kind_of(div.identifier), div.content[#div.content]
    if kind == 'exr' then return exercise(div) end
    if kind then return float(div.identifier, div.content, last.t == 'Para' and div.content:remove().content or {}) end
  end,
  Span = function(equation)
    if kind_of(equation.identifier) ~= 'eq' then return nil end
    number(equation.identifier)
    equation.content:insert(pandoc.Span('(' .. numbers[equation.identifier] .. ')', {class = 'equation-number'}))
    return equation
  end,
}

local function number_sections(blocks)
  pandoc.Div(pandoc.utils.make_sections(true, nil, blocks)):walk {Div = function(section)
    if section.attributes.number then numbers[section.identifier] = section.attributes.number:gsub('^0%.', '') end
  end}
end

-- Links for the cross-references in a group of citations; the others stay citations.
-- pandoc reads `@eq-x [@key]` as one such group.
local function references(cite)
  local out, citations = pandoc.Inlines {}, pandoc.List()
  for _, citation in ipairs(cite.citations) do
    local kind = kind_of(citation.id)
    if kind then
      local value = assert(numbers[citation.id], 'unknown cross-reference @' .. citation.id)
      local name = #citation.prefix > 0 and pandoc.utils.stringify(citation.prefix) or names[kind]
      local text = citation.mode == 'SuppressAuthor' and value or name .. '\u{a0}' .. value
      if #out > 0 then out:insert(pandoc.Str ', ') end
      out:insert(pandoc.Link(text, '#' .. citation.id, '', {class = 'quarto-xref'}))
    else
      cited = true
      citations:insert(citation)
    end
  end
  if #out == 0 then return nil end
  return #citations > 0 and out .. {pandoc.Space(), pandoc.Cite({}, citations)} or out
end

local function as_html(block) return pandoc.write(pandoc.Pandoc {block}, 'html5', {html_math_method = 'mathml'}) end

-- MathML whose text smalldocs cannot mistake for Markdown.
local function mathml(math)
  local text = as_html(pandoc.Plain {math}):gsub('<annotation.-</annotation>', ''):gsub('>([^<&]+)<', function(content)
    return '>' .. content:gsub('%p', function(char) return ('&#%d;'):format(char:byte()) end) .. '<'
  end)
  return pandoc.RawInline('html', text)
end

local function boxed_table(tbl)
  tbl.classes:insert 'table'
  return html('<div class="sd-table">' .. as_html(tbl) .. '</div>')
end

function Pandoc(doc)
  doc = doc:walk(general):walk(numbering)
  if doc.meta['number-sections'] then number_sections(doc.blocks) end
  doc = doc:walk {Cite = references}
  if cited then doc.blocks:insert(pandoc.Header(2, 'References', {id = 'references', class = 'unnumbered'})) end
  return pandoc.utils.citeproc(doc):walk({Math = mathml}):walk {Table = boxed_table}
end
